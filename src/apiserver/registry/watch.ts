import { type FieldError, forbidden, notSupported } from "../../apimachinery/field-error.ts";
import { newResourceExpired } from "../../apimachinery/status.ts";
import { StorageError } from "../../storage/storage.ts";
import { CacheEvent } from "../cache/cache-event.ts";
import { CachedObject } from "../cache/cached-object.ts";
import { deliver } from "../cache/resource-cache.ts";
import type { Selection } from "../cache/selection.ts";
import { parseKey, registryPrefix, resourcePrefix } from "../cache/storage-key.ts";
import type { Watcher, WatchSink } from "../cache/watcher.ts";
import { newInvalidOptions } from "./errors.ts";
import { parseResourceVersion, stateAt } from "./list.ts";
import type { GenericStore } from "./store.ts";

export interface WatchOptions {
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly allowWatchBookmarks: boolean;
  /** Absent when the request does not say. */
  readonly sendInitialEvents: boolean | undefined;
  /** Of lists only; a watch that starts with the state refuses it. */
  readonly continueToken?: string;
  /** See RequestState. */
  readonly asOf?: number | undefined;
  /** The watch ends after so long; shortly before, its client learns how far it came. */
  readonly timeoutMs: number;
}

/** How long before its end a watch gets its last bookmark (k8s.io/apiserver/pkg/storage/cacher.nextBookmarkTime). */
const lastBookmarkMs = 2_000;

/** Throws 422 for a combination that has no meaning. To be called before the answer begins. */
export function checkWatchOptions(options: WatchOptions): void {
  const { resourceVersionMatch: match, sendInitialEvents } = options;
  const errors: FieldError[] = [];
  const field = "resourceVersionMatch";
  if (sendInitialEvents !== undefined && match !== "NotOlderThan") {
    errors.push(forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  }
  if (match !== "" && sendInitialEvents === undefined) {
    errors.push(
      forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
    );
  }
  if (match !== "" && match !== "NotOlderThan") errors.push(notSupported(field, match, ["NotOlderThan"]));
  // Who names no revision is taken to ask for the state first.
  const asksForState = sendInitialEvents === undefined && ["", "0"].includes(options.resourceVersion);
  if ((options.continueToken ?? "") !== "" && (match !== "" || asksForState)) {
    errors.push(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
  }
  if (errors.length > 0) throw newInvalidOptions("ListOptions", errors);
  parseResourceVersion(options.resourceVersion);
}

/**
 * Starts a watch; events go to the sink. The answer ends it. What cannot be watched, because the revision is too old or
 * too new, ends the sink with the error, since by then the answer has begun.
 */
export async function watchObjects(
  store: GenericStore,
  selection: Selection,
  options: WatchOptions,
  sink: WatchSink,
  signal: AbortSignal,
): Promise<() => void> {
  const watcher: Watcher = { selection, sink, bookmarks: options.allowWatchBookmarks, afterRevision: 0 };
  const { clock, watchCache } = store;
  const untilBookmarkMs = options.timeoutMs - lastBookmarkMs;
  const lastBookmark =
    watcher.bookmarks && untilBookmarkMs > 0
      ? clock.after(untilBookmarkMs, () => {
          if (store.cache.watchers.has(watcher)) sink.bookmark(watchCache.revision, false);
        })
      : undefined;
  const stop = (): void => {
    lastBookmark?.stop();
    store.cache.unwatch(watcher);
  };
  try {
    await begin(store, watcher, options, signal);
  } catch (error) {
    stop();
    sink.end(error);
  }
  return stop;
}

async function begin(
  store: GenericStore,
  watcher: Watcher,
  options: WatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const revision = parseResourceVersion(options.resourceVersion);
  const wantsState = options.sendInitialEvents ?? revision === 0;
  if (!wantsState && revision > 0) {
    await resume(store, watcher, revision, signal);
    return;
  }
  if (options.resourceVersion === "") await store.watchCache.current();
  else if (revision > 0) await store.watchCache.waitFor(revision);
  if (options.asOf !== undefined && options.resourceVersion !== "") {
    await beginAt(store, watcher, options, Math.max(options.asOf, revision), signal);
    return;
  }
  watcher.afterRevision = store.watchCache.revision;
  if (wantsState) sendState(store, watcher);
  if (options.sendInitialEvents === true && watcher.bookmarks) {
    watcher.sink.bookmark(store.watchCache.revision, true);
  }
  if (!signal.aborted) store.cache.watch(watcher);
}

/** Starts with the state as it was at the revision, and goes on from there. */
async function beginAt(
  store: GenericStore,
  watcher: Watcher,
  { sendInitialEvents }: WatchOptions,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  for (const object of await stateAt(store, watcher.selection, revision))
    watcher.sink.notice({ type: "ADDED", object });
  watcher.sink.flush();
  if (sendInitialEvents === true && watcher.bookmarks) watcher.sink.bookmark(revision, true);
  await resume(store, watcher, revision, signal);
}

/** The present state as ADDED events. */
function sendState(store: GenericStore, watcher: Watcher): void {
  store.watchCache.unreadable.checkAll(resourcePrefix(store.resource, watcher.selection.namespace));
  for (const object of store.cache.select(watcher.selection)) {
    watcher.sink.notice({ type: "ADDED", object });
  }
  watcher.sink.flush();
}

/** Goes on after a revision: from the recent events, or from the store's history, or not at all. */
async function resume(
  store: GenericStore,
  watcher: Watcher,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  watcher.afterRevision = revision;
  if (signal.aborted || store.cache.watch(watcher)) return;
  const tooOld = newResourceExpired(`too old resource version: ${revision} (${store.cache.completeAfter})`);
  try {
    await replay(store, watcher, signal);
  } catch (error) {
    throw error instanceof StorageError && error.code === "compacted" ? tooOld : error;
  }
  if (!signal.aborted && !store.cache.watch(watcher)) throw tooOld;
}

/**
 * Reads history until the recent events take over. The whole store is read, not just this resource: every revision
 * has an event there, so the end is certain to come.
 */
async function replay(store: GenericStore, watcher: Watcher, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const { storage } = store.watchCache;
  for await (const batch of storage.watch(registryPrefix, watcher.afterRevision, either)) {
    for (const { key, revision, value, previousValue, unreadable } of batch) {
      const parsed = parseKey(key);
      if (
        unreadable === undefined &&
        parsed?.group === store.resource.group &&
        parsed.resource === store.resource.resource
      ) {
        const { namespace, name } = parsed;
        const current = value && CachedObject.stored(namespace, name, revision, value);
        const previous = previousValue && CachedObject.stored(namespace, name, revision, previousValue);
        deliver(watcher, new CacheEvent(revision, current, previous));
      }
    }
    watcher.sink.flush();
    watcher.afterRevision = batch.at(-1)?.revision ?? watcher.afterRevision;
    if (watcher.afterRevision >= store.cache.completeAfter) break;
  }
  ended.abort();
}
