import type { RuntimeEvent } from "../runtime.ts";

/** Hands each event to every listener; a listener that is slow has its own queue. */
export class EventHub {
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();

  publish(event: RuntimeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Ends when the signal aborts. Events from the moment of the call on are delivered. */
  async *subscribe(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const queue: RuntimeEvent[] = [];
    let wake: (() => void) | undefined;
    const listener = (event: RuntimeEvent): void => {
      queue.push(event);
      wake?.();
    };
    const onAbort = (): void => wake?.();
    this.#listeners.add(listener);
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const event = queue.shift();
        if (event !== undefined) yield event;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener("abort", onAbort);
    }
  }
}
