import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { newServiceUnavailable } from "../../apimachinery/status.ts";
import { type Client, newClient } from "../../client/client.ts";
import { newEventRecorder } from "../../client/event-recorder.ts";
import { resources } from "../../client/resources.ts";
import { SharedInformerFactory } from "../../client/shared-informer-factory.ts";
import { FakeTransport, type FakeTransportOptions } from "../../client/testing/fake-transport.ts";
import type { ControllerRegistration } from "../controller.ts";
import { ControllerManager } from "../manager.ts";

export interface ControllerRun {
  readonly clock: VirtualClock;
  readonly transport: FakeTransport;
  readonly client: Client;
  readonly manager: ControllerManager;
  /** Lets everything that is due happen; with a duration, time passes. */
  settle(durationMs?: number): Promise<void>;
  /**
   * From here on the caches of the resource (`pods`) show what they show now. The function that comes back has them
   * follow again, within a minute.
   */
  holdBack(plural: string): Promise<() => Promise<void>>;
  /** `Normal Reason message` of every event recorded, in order. */
  events(): string[];
  stop(): Promise<void>;
}

/**
 * Runs controllers against a fake API server on a virtual clock.
 *
 *   const run = runControllers([replicaSetController]);
 *   run.transport.seed(replicaSet);
 *   await run.settle();
 */
export function runControllers(
  registrations: readonly ControllerRegistration[],
  options: FakeTransportOptions = {},
): ControllerRun {
  const clock = new VirtualClock();
  const transport = new FakeTransport({ clock, podDeletion: "immediate", ...options });
  const client = newClient(transport);
  const random = new SeededRandom(7);
  const stopped = new AbortController();
  const informers = new SharedInformerFactory({ client, clock, logger: silentLogger });
  const events = newEventRecorder({ client, clock, random, component: "test" });
  const manager = new ControllerManager({
    registrations,
    clock,
    logger: silentLogger,
    newContext: (name, signal) => ({
      client,
      informers,
      events: events.forComponent(name),
      clock,
      random,
      logger: silentLogger,
      signal,
    }),
  });
  manager.startAll();
  informers.start(stopped.signal).catch(() => undefined);
  return {
    clock,
    transport,
    client,
    manager,
    settle: (durationMs = 100) => clock.advance(durationMs),
    holdBack: async (plural) => {
      const release = transport.react(({ path, query }) => {
        if (query?.["watch"] === "true" && path.endsWith(`/${plural}`)) throw newServiceUnavailable("behind");
      });
      transport.dropWatches();
      // The others are asked for again after a pause.
      await clock.advance(5_000);
      return async () => {
        release();
        await clock.advance(60_000);
      };
    },
    events: () =>
      (transport.list(resources.events) as readonly unknown[] as UnstructuredObject[])
        .toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
        .map((event) => `${event["type"]} ${event["reason"]} ${event["message"]}`),
    stop: async () => {
      await manager.stopAll();
      stopped.abort();
    },
  };
}
