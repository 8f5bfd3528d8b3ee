/** Why a request's signal aborts. Made once: making one per request, with its stack, is 3 % of a create. */
const requestHasEnded = new DOMException("the request has ended", "AbortError");

/**
 * The end of a request: its answer is with the client, or the client has gone. Few ask for a signal, and one costs as
 * much as the routing of a request, so it is made for those who do.
 */
export class RequestEnd {
  #hasEnded = false;
  #controller: AbortController | undefined;
  #listener: (() => void) | undefined;

  /** Aborts at the end. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#hasEnded) this.#controller.abort(requestHasEnded);
    }
    return this.#controller.signal;
  }

  /** Sets who is told of the end, once. There is one listener. */
  onEnd(listener: () => void): void {
    if (this.#hasEnded) listener();
    else this.#listener = listener;
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#controller?.abort(requestHasEnded);
    this.#listener?.();
  }
}
