import type { Event, Pod } from "../../api/types/core-v1.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { newClient } from "../../client/client.ts";
import { newEventRecorder } from "../../client/event-recorder.ts";
import { resources } from "../../client/resources.ts";
import { SharedInformerFactory } from "../../client/shared-informer-factory.ts";
import { FakeTransport } from "../../client/testing/fake-transport.ts";
import { Scheduler } from "../scheduler.ts";

/** A scheduler on a fake API server and a clock that moves only when told to. */
export class TestScheduler {
  readonly clock = new VirtualClock();
  readonly transport = new FakeTransport({ clock: this.clock });
  readonly #controller = new AbortController();
  readonly #metrics: Metric[] = [];

  /** Starts with the objects in place, and lets the scheduler do what it can at once. */
  static async start(...objects: readonly KubernetesObject[]): Promise<TestScheduler> {
    const test = new TestScheduler();
    test.transport.seed(...objects);
    const { clock } = test;
    const client = newClient(test.transport);
    const random = new SeededRandom(1);
    const informers = new SharedInformerFactory({ client, clock, logger: silentLogger });
    const events = newEventRecorder({ client, clock, random, component: "test" });
    const scheduler = new Scheduler({
      client,
      informers,
      events,
      clock,
      random,
      logger: silentLogger,
      metrics: { register: (metric) => test.#metrics.push(metric) },
    });
    await informers.start(test.#controller.signal);
    await scheduler.start(test.#controller.signal);
    await test.settle();
    return test;
  }

  stop(): void {
    this.#controller.abort();
  }

  /** Lets all that can happen without time passing happen. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 8; turn++) await this.clock.advance(0);
  }

  /** Objects come, as somebody else's doing. */
  async add(...objects: readonly KubernetesObject[]): Promise<void> {
    this.transport.seed(...objects);
    await this.settle();
  }

  pod(name: string): Pod | undefined {
    return this.transport.get(resources.pods, name);
  }

  nodeOf(name: string): string | undefined {
    return this.pod(name)?.spec?.nodeName;
  }

  /** The message of the PodScheduled condition. */
  whyNot(name: string): string | undefined {
    return this.pod(name)?.status?.conditions?.find(({ type }) => type === "PodScheduled")?.message;
  }

  /** The number of a series, as it is shown. */
  metric(series: string): number | undefined {
    const lines = this.#metrics.flatMap((metric) => metric.lines());
    const line = lines.find((each) => each.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  events(reason: string): Event[] {
    return this.transport.list(resources.events).filter((event) => event.reason === reason);
  }
}
