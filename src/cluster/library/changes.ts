import type { Storage, StorageEvent } from "../../storage/storage.ts";
import { checkNames } from "./known-names.ts";

export interface ChangesOptions {
  /** False ends with what has happened so far. Default true: goes on with what happens, until the cluster is closed. */
  readonly follow?: boolean;
}

/**
 * Every change of a store from the first on, in the order of revisions, a batch for each commit. A store that began with
 * the state of another (a fork, a saved cluster) has no history from before: it begins with that state, all of it in one
 * batch. Ends with the store.
 */
export async function* allChanges(
  storage: Storage,
  options: ChangesOptions = {},
): AsyncGenerator<readonly StorageEvent[], void> {
  checkNames("changes", options, ["follow"]);
  const last = options.follow === false ? await storage.revision() : Infinity;
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
  if (first >= last) return;
  for await (const batch of storage.watch("", first)) {
    yield batch;
    if ((batch.at(-1)?.revision ?? 0) >= last) return;
  }
}
