import type { Clock, Timer } from "../../apimachinery/clock.ts";

/** Refusals that are answered at once before any is held back. */
const burst = 100;
const perTick = 10;
const tickMs = 10;
/** No refusal is held back longer: a client must not take the server for dead. */
const maxHoldMs = 5_000;
const lateMs = 3 * tickMs;
/** What a refusal costs, with the reading of its request: TLS, parsing, finding out who asks and how it ranks. */
const refusalCpuMs = 0.2;
/** The part of the processor's time that refusing may take. */
const cpuShare = 0.25;
const maxHeld = 10_000;

interface Held {
  readonly sinceMs: number;
  readonly release: () => void;
}

/**
 * Bounds what refusing costs. A client that asks again as soon as it is refused takes as many refusals as the processor
 * can make, and with one thread that is time in which nobody is served. So beyond a burst, refusals leave at a steady
 * thousand a second, or, when even that is too much, at what a quarter of the processor time that we get is enough for. A
 * held refusal is a few kilobytes, and there are only so many.
 */
export class RefusalPace {
  readonly #clock: Clock;
  readonly #held: Held[] = [];
  #first = 0;
  #credit = burst;
  #creditAtMs: number;
  #timer: Timer | undefined;

  readonly #cpuMs: (() => number) | undefined;
  #cpuAtMs = 0;

  /** `cpuMs` says how much processor time this process has had; without it, it has all that it wants. */
  constructor(clock: Clock, cpuMs?: () => number) {
    this.#clock = clock;
    this.#cpuMs = cpuMs;
    this.#creditAtMs = clock.now();
  }

  get held(): number {
    return this.#held.length - this.#first;
  }

  /** Undefined when the refusal may leave now. */
  hold(): Promise<void> | undefined {
    const nowMs = this.#clock.now();
    const earned = ((nowMs - this.#creditAtMs) / tickMs) * perTick;
    if (this.held === 0 && earned > 0) {
      this.#credit = Math.min(burst, this.#credit + earned);
      this.#creditAtMs = nowMs;
    }
    if (this.#credit >= 1) {
      this.#credit--;
      return undefined;
    }
    if (this.held >= maxHeld) return undefined;
    if (this.#timer === undefined) {
      this.#cpuAtMs = this.#cpuMs?.() ?? 0;
      this.#timer = this.#clock.every(tickMs, () => this.#tick());
    }
    return new Promise((release) => this.#held.push({ sinceMs: nowMs, release }));
  }

  /** How many refusals the processor time since the last tick has room for; one at least. */
  #affordable(): number {
    if (this.#cpuMs === undefined) return Number.POSITIVE_INFINITY;
    const cpuMs = this.#cpuMs();
    const usedMs = cpuMs - this.#cpuAtMs;
    this.#cpuAtMs = cpuMs;
    return Math.max(1, Math.floor((usedMs * cpuShare) / refusalCpuMs));
  }

  #tick(): void {
    const nowMs = this.#clock.now();
    // A late tick makes up for what it missed.
    const sinceMs = nowMs - this.#creditAtMs;
    let due = Math.max(perTick, Math.floor((sinceMs / tickMs) * perTick));
    // A tick that is late by far tells that there is more to do than time.
    const affordable = this.#affordable();
    if (sinceMs > lateMs) due = Math.min(due, affordable);
    this.#creditAtMs = nowMs;
    for (;;) {
      const next = this.#held[this.#first];
      if (next === undefined || (due <= 0 && nowMs - next.sinceMs < maxHoldMs)) break;
      due--;
      this.#first++;
      next.release();
    }
    if (this.held === 0) {
      this.#held.length = 0;
      this.#first = 0;
      this.#timer?.stop();
      this.#timer = undefined;
    } else if (this.#first > 1_000) {
      this.#held.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
