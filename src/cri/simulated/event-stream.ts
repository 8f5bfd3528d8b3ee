import type { RuntimeEvent } from "../runtime.ts";

/** Hands events to any number of listeners; each has its own queue from the moment it begins to listen. */
export class EventStream {
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();

  emit(event: RuntimeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async *listen(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const waiting: RuntimeEvent[] = [];
    let wake: (() => void) | undefined;
    const listener = (event: RuntimeEvent): void => {
      waiting.push(event);
      wake?.();
    };
    const onAbort = (): void => wake?.();
    this.#listeners.add(listener);
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const event = waiting.shift();
        if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener("abort", onAbort);
    }
  }
}
