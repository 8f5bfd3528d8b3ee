/** Others wait no longer than about this for a request that takes long. */
const sliceMs = 8;

/** Goes through the parts of some work; others have their turn whenever a slice of time is over. */
export async function inSlices<T>(work: Generator<void, T>): Promise<T> {
  let startedMs = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (performance.now() - startedMs < sliceMs) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    startedMs = performance.now();
  }
}
