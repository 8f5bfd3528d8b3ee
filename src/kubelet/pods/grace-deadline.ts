import type { Clock, Timer } from "../../apimachinery/clock.ts";

/** When the time of a pod that is being ended is up. It may be brought forward, never put off. */
export class GraceDeadline {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #atMs: number;

  constructor(clock: Clock, seconds: number) {
    this.#clock = clock;
    this.#atMs = clock.now() + seconds * 1000;
  }

  remainingMs(): number {
    return Math.max(0, this.#atMs - this.#clock.now());
  }

  /** From now on, no longer than this. */
  shorten(seconds: number): void {
    const atMs = this.#clock.now() + seconds * 1000;
    if (atMs >= this.#atMs) return;
    this.#atMs = atMs;
    for (const listener of this.#listeners) listener();
  }

  onShorten(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A signal that is aborted when the time is up; `release` must be called when it is no longer needed. */
  signal(): { readonly signal: AbortSignal; readonly release: () => void } {
    const controller = new AbortController();
    let timer: Timer | undefined;
    const arm = (): void => {
      timer?.stop();
      timer = this.#clock.after(this.remainingMs(), () =>
        controller.abort(new Error("the grace period is over")),
      );
    };
    const unsubscribe = this.onShorten(arm);
    arm();
    return {
      signal: controller.signal,
      release: () => {
        timer?.stop();
        unsubscribe();
      },
    };
  }
}
