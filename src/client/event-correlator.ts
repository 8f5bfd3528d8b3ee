import type { Event } from "../api/types/core-v1.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { formatTime } from "../apimachinery/clock.ts";

/** As many groups of like events are remembered; the one that was quiet longest is forgotten first. */
const memory = 4096;
/** So many different messages of one reason within the interval become one combined event. */
const combineAfter = 10;
const combineIntervalMs = 600_000;
/** One source may send so many events about one object at once, and then one per interval. */
const burst = 25;
const refillIntervalMs = 300_000;

/** What to write: a new event, or a new count of one written before. */
export interface Correlated {
  readonly event: Event;
  readonly seenBefore: boolean;
}

interface Observation {
  count: number;
  readonly firstTimestamp: string;
  readonly name: string;
}

/** Messages of one reason; `lastMs` is when the latest came. */
interface Group {
  readonly messages: Set<string>;
  lastMs: number;
}

/** Tokens as of `atMs`. */
interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * Decides what becomes of an event: counted up when it was seen before, combined with like ones when only the message
 * differs, dropped when its source says too much about one object. (Mirrors client-go/tools/record/events_cache.go.)
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #observations = new RecentMap<Observation>();
  readonly #groups = new RecentMap<Group>();
  readonly #buckets = new RecentMap<Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined when the event is to be dropped. */
  correlate(event: Event): Correlated | undefined {
    const combined = this.#combine(event);
    const result = this.#observe(combined.event, combined.key);
    return this.#isSpam(event) ? undefined : result;
  }

  #combine(event: Event): { event: Event; key: string } {
    const nowMs = this.#clock.now();
    const groupKey = [sourceKey(event), event.type, event.reason].join("\0");
    let group = this.#groups.get(groupKey);
    if (group === undefined || nowMs - group.lastMs > combineIntervalMs) {
      group = { messages: new Set(), lastMs: nowMs };
    }
    group.messages.add(event.message ?? "");
    group.lastMs = nowMs;
    this.#groups.set(groupKey, group);
    if (group.messages.size < combineAfter) {
      return { event, key: [groupKey, event.involvedObject.fieldPath, event.message].join("\0") };
    }
    const [oldest] = group.messages;
    if (oldest !== undefined) group.messages.delete(oldest);
    return {
      event: { ...event, message: `(combined from similar events): ${event.message}` },
      key: groupKey,
    };
  }

  #observe(event: Event, key: string): Correlated {
    const seen = this.#observations.get(key);
    const count = (seen?.count ?? 0) + 1;
    const name = seen?.name ?? event.metadata.name ?? "";
    const firstTimestamp = seen?.firstTimestamp ?? event.firstTimestamp ?? formatTime(this.#clock.now());
    this.#observations.set(key, { count, name, firstTimestamp });
    const metadata = { ...event.metadata, name };
    return { event: { ...event, metadata, count, firstTimestamp }, seenBefore: seen !== undefined };
  }

  #isSpam(event: Event): boolean {
    const key = sourceKey(event);
    const nowMs = this.#clock.now();
    const before = this.#buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    const refilled = Math.min(burst, before.tokens + (nowMs - before.atMs) / refillIntervalMs);
    const isSpam = refilled < 1;
    this.#buckets.set(key, { tokens: isSpam ? refilled : refilled - 1, atMs: nowMs });
    return isSpam;
  }
}

function sourceKey({ source, involvedObject: { kind, namespace, name, uid, apiVersion } }: Event): string {
  return [source?.component, source?.host, kind, namespace, name, uid, apiVersion].join("\0");
}

/** A map that forgets the entry that was set longest ago. */
class RecentMap<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= memory) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
