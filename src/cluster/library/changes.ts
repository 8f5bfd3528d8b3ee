import type { Storage, StorageEvent } from "../../storage/storage.ts";

/**
 * Every change of a store from the first on, in the order of revisions, a batch for each commit. A store that began with
 * the state of another (a fork, a saved cluster) has no history from before: it begins with that state, all of it in one
 * batch. Ends with the store.
 */
export async function* allChanges(storage: Storage): AsyncGenerator<readonly StorageEvent[], void> {
  const first = await storage.compactedRevision();
  if (first > 0) {
    const { items } = await storage.list("", { revision: first });
    yield items
      .map(
        ({ key, value, createRevision, modRevision }): StorageEvent => ({
          type: "put",
          key,
          value,
          createRevision,
          revision: modRevision,
          previousValue: undefined,
        }),
      )
      .toSorted((a, b) => a.revision - b.revision);
  }
  yield* storage.watch("", first);
}
