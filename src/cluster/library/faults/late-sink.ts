import type { Clock, Timer } from "../../../apimachinery/clock.ts";
import type { WatchNotice } from "../../../apiserver/cache/cache-event.ts";
import type { WatchSink } from "../../../apiserver/cache/watcher.ts";
import type { HeldSink } from "./held-sink.ts";

/** Hands on what it is given, in order and some time later. */
export class LateSink implements HeldSink {
  readonly #sink: WatchSink;
  readonly #clock: Clock;
  /** Nothing is late any more at 0. */
  #lateMs: number;
  /** Under way, in their order: each as late as the one before it. */
  readonly #waiting: { readonly timer: Timer; readonly act: () => void }[] = [];

  constructor(sink: WatchSink, clock: Clock, lateMs: number) {
    this.#sink = sink;
    this.#clock = clock;
    this.#lateMs = lateMs;
  }

  notice(notice: WatchNotice): void {
    this.#later(() => this.#sink.notice(notice));
  }

  flush(): void {
    this.#later(() => this.#sink.flush());
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    this.#later(() => this.#sink.bookmark(revision, initialEventsEnd));
  }

  /** The end is not late: a connection that breaks takes with it what was on its way. */
  end(error?: unknown): void {
    this.drop();
    this.#sink.end(error);
  }

  release(): void {
    this.#lateMs = 0;
    for (const { timer, act } of this.#waiting.splice(0)) {
      timer.stop();
      act();
    }
  }

  drop(): void {
    for (const { timer } of this.#waiting.splice(0)) timer.stop();
  }

  #later(act: () => void): void {
    if (this.#lateMs === 0) return act();
    const timer = this.#clock.after(this.#lateMs, () => this.#waiting.shift()?.act());
    this.#waiting.push({ timer, act });
  }
}
