import type { WatchNotice } from "../cache/cache-event.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import type { Selection } from "../cache/selection.ts";
import type { WatchSink } from "../cache/watcher.ts";

/**
 * Hands events on when their objects have been converted, in the order in which they came. What is selected is known
 * only then. A conversion that fails ends the watch with the reason.
 */
export class ConvertingSink implements WatchSink {
  readonly #inner: WatchSink;
  readonly #selection: Selection;
  readonly #ready: (states: readonly (CachedObject | undefined)[]) => Promise<void> | undefined;
  /** The last step that waits; undefined when nothing does. */
  #last: Promise<void> | undefined;
  #isEnded = false;

  constructor(
    inner: WatchSink,
    selection: Selection,
    ready: (states: readonly (CachedObject | undefined)[]) => Promise<void> | undefined,
  ) {
    this.#inner = inner;
    this.#selection = selection;
    this.#ready = ready;
  }

  notice(notice: WatchNotice): void {
    const { event, object } = notice;
    const pending = this.#ready([object, event?.current, event?.previous, event?.gone]);
    this.#then(pending, () => {
      const selected = event === undefined ? this.#select(notice) : event.select(this.#selection);
      if (selected !== undefined) this.#inner.notice(selected);
    });
  }

  flush(): void {
    this.#then(undefined, () => this.#inner.flush());
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    this.#then(undefined, () => this.#inner.bookmark(revision, initialEventsEnd));
  }

  end(error?: unknown): void {
    this.#then(undefined, () => this.#end(error));
  }

  #select(notice: WatchNotice): WatchNotice | undefined {
    return this.#selection.matches(notice.object) ? notice : undefined;
  }

  #end(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#inner.end(error);
  }

  /** Runs the step after all that came before it; at once when nothing waits. */
  #then(pending: Promise<void> | undefined, step: () => void): void {
    if (this.#last === undefined && pending === undefined) {
      if (!this.#isEnded) step();
      return;
    }
    const turn: Promise<void> = Promise.all([this.#last, pending])
      .then(() => {
        if (!this.#isEnded) step();
      })
      .catch((error: unknown) => this.#end(error))
      .finally(() => {
        if (this.#last === turn) this.#last = undefined;
      });
    this.#last = turn;
  }
}
