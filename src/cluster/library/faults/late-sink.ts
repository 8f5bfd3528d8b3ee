import type { Clock } from "../../../apimachinery/clock.ts";
import type { WatchNotice } from "../../../apiserver/cache/cache-event.ts";
import type { WatchSink } from "../../../apiserver/cache/watcher.ts";

/** Hands on what it is given, in order and some time later. */
export class LateSink implements WatchSink {
  readonly #sink: WatchSink;
  readonly #clock: Clock;
  readonly #lateMs: number;
  #isOver = false;

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
    this.#isOver = true;
    this.#sink.end(error);
  }

  #later(act: () => void): void {
    this.#clock.after(this.#lateMs, () => {
      if (!this.#isOver) act();
    });
  }
}
