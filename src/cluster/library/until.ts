import { inspect } from "node:util";
import { type Clock, VirtualClock } from "../../apimachinery/clock.ts";
import type { Client } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import { durationMs, formatDuration } from "./duration.ts";
import { checkNames } from "./known-names.ts";
import type { Duration } from "./options.ts";

export interface UntilOptions {
  /** In the cluster's time. Default one minute. */
  readonly timeout?: Duration;
  /** What is waited for, for the message. */
  readonly what?: string;
}

/** How often a condition is looked at on the machine's own clock. */
const realIntervalMs = 10;

/**
 * Asks until the answer is truthy, and resolves with it. What the question throws counts as "not yet". A virtual clock
 * moves on meanwhile. Gives up after the timeout with what was seen last and what the cluster's events say.
 */
export async function until<T>(
  { clock, client }: { readonly clock: Clock; readonly client: Client },
  ask: () => T | Promise<T>,
  options: UntilOptions,
): Promise<NonNullable<T>> {
  if (typeof ask !== "function")
    throw new TypeError(
      `until: ${inspect(ask, { depth: 0 })} is no question: give it a function that is asked again and again`,
    );
  checkNames("until", options, ["timeout", "what"]);
  const { timeout = "1m", what = "" } = options;
  const timeoutMs = durationMs(timeout);
  let answer: T | undefined;
  let failure: unknown;
  const isDone = async (): Promise<boolean> => {
    try {
      failure = undefined;
      answer = await ask();
      return Boolean(answer);
    } catch (error) {
      failure = error;
      return false;
    }
  };
  const came =
    clock instanceof VirtualClock
      ? await clock.runUntil(isDone, timeoutMs)
      : await poll(clock, isDone, clock.now() + timeoutMs);
  if (came) return answer as NonNullable<T>;
  const seen =
    failure === undefined ? `the last answer was ${inspect(answer, { depth: 6 })}` : describe(failure);
  const events = await recentEvents(client);
  throw new Error(
    [
      `gave up${what === "" ? "" : ` waiting for ${what}`} after ${formatDuration(timeoutMs)} of the cluster's time: ${seen}`,
      ...(events.length === 0 ? [] : ["what the cluster tells, newest first:", ...events]),
    ].join("\n"),
    failure === undefined ? {} : { cause: failure },
  );
}

const describe = (failure: unknown): string =>
  failure instanceof Error ? `${failure.name}: ${failure.message}` : inspect(failure);

async function poll(clock: Clock, isDone: () => Promise<boolean>, endMs: number): Promise<boolean> {
  for (;;) {
    if (await isDone()) return true;
    if (clock.now() >= endMs) return false;
    await clock.sleep(realIntervalMs);
  }
}

/** What the cluster's newest events say, a line each: warnings before all else. */
export async function recentEvents(client: Client, count = 10): Promise<string[]> {
  try {
    const { items } = await client.resource(resources.events).list();
    return (
      items
        .map((event) => ({
          event,
          time: event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? "",
          revision: Number(event.metadata.resourceVersion),
        }))
        // Much happens within a second, and all of it in a cluster whose clock stands still.
        .toSorted(
          (a, b) =>
            Number(b.event.type === "Warning") - Number(a.event.type === "Warning") ||
            (a.time === b.time ? b.revision - a.revision : a.time < b.time ? 1 : -1),
        )
        .slice(0, count)
        .map(({ event, time }) => {
          const { kind, namespace, name } = event.involvedObject;
          return `  ${time} ${event.type} ${event.reason} ${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}: ${event.message}`;
        })
    );
  } catch {
    // The cluster may be the very thing that is broken.
    return [];
  }
}
