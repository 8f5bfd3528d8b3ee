import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { durationMs, formatDuration, signedDurationMs } from "./duration.ts";
import { SkewedClock } from "./faults/skewed-clock.ts";
import { checkNames } from "./known-names.ts";
import type { Duration, SignedDuration } from "./options.ts";
import type { Pulse } from "./pulse.ts";

/**
 * The time of a cluster, for the test that holds it. It is a Clock too: a controller that is tested can be given it, and
 * lives in the cluster's time.
 */
export class ClusterClock implements Clock {
  readonly #clock: Clock;
  readonly #pulse: Pulse;

  constructor(clock: Clock, pulse: Pulse) {
    this.#clock = clock;
    this.#pulse = pulse;
  }

  /** Milliseconds since the Unix epoch. */
  now(): number {
    return this.#clock.now();
  }

  get isVirtual(): boolean {
    return this.#clock instanceof VirtualClock;
  }

  /** A clock that is so far ahead of this one, or behind when negative (`-90s`): for a client that has the time wrong. */
  skewed(by: SignedDuration): Clock {
    return new SkewedClock(this.#clock, signedDurationMs(by));
  }

  /** Moves a virtual clock forward; resolves when all that was due has run and the cluster is quiet. */
  async advance(duration: Duration): Promise<void> {
    const clock = this.#virtual("advance");
    const ms = durationMs(duration);
    if (!Number.isFinite(ms))
      throw new TypeError("advance: it would never end; runUntilIdle() ends by itself");
    await clock.advance(ms);
  }

  /**
   * Moves a virtual clock forward at once, as for a machine that was asleep: what fell due meanwhile happens late, and what
   * repeats happens once. So a year takes a moment, and afterwards leases are lost and certificates are renewed.
   */
  async leap(duration: Duration): Promise<void> {
    await this.#virtual("leap").leap(durationMs(duration));
  }

  /** Lets everything that is ready happen, while time stands still. */
  async settle(): Promise<void> {
    await this.#virtual("settle").settle();
  }

  /**
   * Moves a virtual clock forward, from timer to timer, until the condition holds. Answers how much time passed; rejects
   * when it did not hold within the limit.
   */
  async runUntil(
    isDone: () => boolean | Promise<boolean>,
    options: { readonly limit?: Duration } = {},
  ): Promise<number> {
    const clock = this.#virtual("runUntil");
    if (typeof isDone !== "function") throw new TypeError("runUntil: the condition is no function");
    checkNames("runUntil", options, ["limit"]);
    const { limit = "1h" } = options;
    const startMs = clock.now();
    if (await clock.runUntil(isDone, durationMs(limit))) return clock.now() - startMs;
    throw new Error(
      `the condition did not hold within ${formatDuration(durationMs(limit))} of the cluster's time`,
    );
  }

  /**
   * Moves a virtual clock forward until nothing but heartbeats has been written for a while. Answers how much time
   * passed; rejects, naming the last change, when the cluster did not come to rest within the limit.
   */
  async runUntilIdle(
    options: { readonly quietFor?: Duration; readonly limit?: Duration } = {},
  ): Promise<number> {
    const clock = this.#virtual("runUntilIdle");
    checkNames("runUntilIdle", options, ["quietFor", "limit"]);
    const { quietFor = "1m", limit = "24h" } = options;
    const startMs = clock.now();
    const quietMs = durationMs(quietFor);
    const isIdle = (): boolean => clock.now() - Math.max(startMs, this.#pulse.lastChangeMs) >= quietMs;
    if (await clock.runUntil(isIdle, durationMs(limit))) return clock.now() - startMs;
    throw new Error(
      `the cluster did not come to rest within ${formatDuration(durationMs(limit))}: the last change was ${this.#pulse.lastChange}`,
    );
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#clock.after(delayMs, callback);
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.#clock.every(intervalMs, callback);
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.#clock.sleep(delayMs, signal);
  }

  /** Holds a virtual clock while the work is done: what others do in their own time. */
  async outside<T>(work: Promise<T>): Promise<T> {
    return this.#clock.outside === undefined ? await work : await this.#clock.outside(work);
  }

  #virtual(what: string): VirtualClock {
    if (this.#clock instanceof VirtualClock) return this.#clock;
    throw new Error(`${what}() needs a clock that can be moved: createCluster({ clock: "virtual" })`);
  }
}
