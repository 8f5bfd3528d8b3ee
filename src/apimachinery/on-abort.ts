/** By signal: who is to be told. The platform's own list is searched as a whole at each addition. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls once when the signal aborts; returns what takes that back. For signals that thousands of parts listen to: an
 * addition to those that have many listeners already costs no more than to those that have none.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let callbacks = waiting.get(signal);
  if (callbacks === undefined) {
    const known = new Set<() => void>();
    callbacks = known;
    waiting.set(signal, known);
    signal.addEventListener(
      "abort",
      () => {
        for (const each of known) each();
      },
      { once: true },
    );
  }
  // Of its own: the same function may be given twice.
  const told = (): void => callback();
  callbacks.add(told);
  return () => void callbacks.delete(told);
}
