import type { Clock, Timer } from "../../../apimachinery/clock.ts";
import type { WatchNotice } from "../../../apiserver/cache/cache-event.ts";
import type { WatchSink } from "../../../apiserver/cache/watcher.ts";
import type { HeldSink } from "./held-sink.ts";

/** Hands each event on when it is due, in their order: what a server tells whose cache is behind. */
export class TrailingSink implements HeldSink {
  readonly #sink: WatchSink;
  readonly #clock: Clock;
  /** When what was written at the revision may be seen. */
  readonly #dueMs: (revision: number) => number;
  readonly #waiting: { readonly dueMs: number; readonly tell: () => void }[] = [];
  #timer: Timer | undefined;
  #isReleased = false;

  constructor(sink: WatchSink, clock: Clock, dueMs: (revision: number) => number) {
    this.#sink = sink;
    this.#clock = clock;
    this.#dueMs = dueMs;
  }

  notice(notice: WatchNotice): void {
    // The initial state is no event: it was as old as it should be when it was read.
    const dueMs = notice.event === undefined ? 0 : this.#dueMs(notice.event.revision);
    this.#when(dueMs, () => this.#sink.notice(notice));
  }

  flush(): void {
    if (this.#waiting.length === 0) this.#sink.flush();
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    this.#when(this.#dueMs(revision), () => this.#sink.bookmark(revision, initialEventsEnd));
  }

  end(error?: unknown): void {
    this.drop();
    this.#sink.end(error);
  }

  release(): void {
    this.#isReleased = true;
    this.#timer?.stop();
    for (const { tell } of this.#waiting.splice(0)) tell();
    this.#sink.flush();
  }

  drop(): void {
    this.#timer?.stop();
    this.#waiting.length = 0;
  }

  #when(dueMs: number, tell: () => void): void {
    if (this.#isReleased) return tell();
    if (this.#waiting.length === 0 && dueMs <= this.#clock.now()) return tell();
    this.#waiting.push({ dueMs, tell });
    if (this.#waiting.length === 1) this.#wait(dueMs);
  }

  #wait(dueMs: number): void {
    // For ever, where the cache has stopped.
    if (dueMs === Infinity) return;
    this.#timer = this.#clock.after(Math.max(0, dueMs - this.#clock.now()), () => this.#tellDue());
  }

  #tellDue(): void {
    while ((this.#waiting[0]?.dueMs ?? Infinity) <= this.#clock.now()) this.#waiting.shift()?.tell();
    this.#sink.flush();
    const [next] = this.#waiting;
    if (next !== undefined) this.#wait(next.dueMs);
  }
}
