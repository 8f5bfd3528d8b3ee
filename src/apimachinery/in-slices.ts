/** Others wait no longer than about this for a request that takes long. */
const sliceMs = 8;

/** Where work can rest: at once, or until something is there that it waits for. */
export type Rest = Promise<void> | undefined;

/** Goes through the parts of some work; others have their turn whenever a slice of time is over. */
export async function inSlices<T>(work: Generator<Rest, T>): Promise<T> {
  let startedMs = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (value !== undefined) await value;
    else if (performance.now() - startedMs < sliceMs) continue;
    else await new Promise<void>((resolve) => setImmediate(resolve));
    startedMs = performance.now();
  }
}
