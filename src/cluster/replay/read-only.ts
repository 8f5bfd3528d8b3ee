import { newStatusError } from "../../apimachinery/status.ts";
import type { Filter } from "../../apiserver/endpoints/api-request.ts";
import { type Storage, StorageError } from "../../storage/storage.ts";

const reading = new Set(["get", "list", "watch"]);
/** Questions that are asked with a POST, and write nothing. */
const questions = new Set(["authorization.k8s.io", "authentication.k8s.io"]);
/** What only somebody who runs can answer. */
const streams = new Set(["exec", "attach", "portforward", "proxy"]);

/** Refuses whatever would change something, and says why. */
export const refuseWrites =
  (revision: number): Filter =>
  (state, next) => {
    const { verb, isResourceRequest, group, subresource } = state.info;
    const isRead = reading.has(verb) && !streams.has(subresource);
    if (!isResourceRequest || isRead || (verb === "create" && questions.has(group))) return next(state);
    throw newStatusError(
      405,
      "MethodNotAllowed",
      `this is a replay of what was, at revision ${revision}: it can be read, and nothing in it can be changed`,
    );
  };

/** A store that nobody writes to: also not those parts of a server that keep its objects in order. */
export function readOnly(storage: Storage): Storage {
  return {
    revision: () => storage.revision(),
    compactedRevision: () => storage.compactedRevision(),
    get: (key, options) => storage.get(key, options),
    list: (prefix, options) => storage.list(prefix, options),
    watch: (prefix, afterRevision, signal) => storage.watch(prefix, afterRevision, signal),
    txn: () => Promise.reject(new StorageError("ioFailure", "a replay is not written to")),
    compact: () => Promise.resolve(),
    close: () => storage.close(),
  };
}
