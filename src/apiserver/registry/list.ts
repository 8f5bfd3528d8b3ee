import type { ResourceInfo } from "../../api/scheme.ts";
import { type FieldError, forbidden, notSupported } from "../../apimachinery/field-error.ts";
import {
  newBadRequest,
  newInternalError,
  newResourceExpired,
  newStatusError,
  type StatusError,
} from "../../apimachinery/status.ts";
import { StorageError } from "../../storage/storage.ts";
import { CachedObject } from "../cache/cached-object.ts";
import type { Selection } from "../cache/selection.ts";
import { parseKey, resourcePrefix } from "../cache/storage-key.ts";
import { newTooLargeResourceVersion } from "../cache/watch-cache.ts";
import { decodeContinue, encodeContinue } from "./continue-token.ts";
import { newInvalidOptions } from "./errors.ts";
import { type GenericStore, translate } from "./store.ts";

export interface ListOptions {
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  /** 0: no limit. */
  readonly limit: number;
  readonly continueToken: string;
  /** See RequestState. */
  readonly asOf?: number | undefined;
  /** A watch's option, which a list refuses. */
  readonly sendInitialEvents?: boolean;
}

export interface ListPage {
  readonly items: readonly CachedObject[];
  readonly resourceVersion: string;
  /** Absent on the last page. */
  readonly continueToken?: string;
  /** Absent when a selector makes it unknown. */
  readonly remainingItemCount?: number;
}

/** A consistent page of a list, from the cache where it can tell, else from the store's history. */
export async function listObjects(
  store: GenericStore,
  served: ResourceInfo,
  selection: Selection,
  options: ListOptions,
): Promise<ListPage> {
  checkListOptions(options);
  const page =
    options.continueToken === ""
      ? await firstPage(store, selection, options)
      : await nextPage(store, selection, options);
  const pending = store.ready(served, page.items);
  if (pending !== undefined) await pending;
  return { ...page, items: page.items.map((item) => item.inVersion(served, store.scheme)) };
}

/** Throws 422 for a combination that has no meaning (k8s.io/apimachinery/…/internalversion/validation). */
function checkListOptions(options: ListOptions): void {
  const errors = matchErrors(options);
  if (options.sendInitialEvents !== undefined) {
    errors.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  if (errors.length > 0) throw newInvalidOptions("ListOptions", errors);
}

function matchErrors({
  resourceVersion,
  resourceVersionMatch: match,
  continueToken,
}: ListOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (match === "") return errors;
  const field = "resourceVersionMatch";
  if (resourceVersion === "") {
    errors.push(forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
  }
  if (continueToken !== "") {
    errors.push(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
  }
  if (match !== "Exact" && match !== "NotOlderThan") {
    errors.push(notSupported(field, match, ["Exact", "NotOlderThan", ""]));
  }
  if (match === "Exact" && resourceVersion === "0") {
    errors.push(forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  return errors;
}

async function firstPage(store: GenericStore, selection: Selection, options: ListOptions): Promise<ListPage> {
  const { resourceVersion, resourceVersionMatch, limit } = options;
  // "0" accepts any state and, as in Kubernetes, the whole of it.
  if (resourceVersion === "0") {
    return options.asOf === undefined
      ? pageFromCache(store, selection, 0, "")
      : pageAt(store, selection, options.asOf, 0, "", false);
  }
  if (resourceVersion === "") {
    await store.watchCache.current();
    store.cache.lists.consistent++;
    return pageFromCache(store, selection, limit, "");
  }
  const revision = parseResourceVersion(resourceVersion, "invalid resource version: ");
  // Without a match, a limit asks for exactly this revision, and no limit for any that is not older.
  if (resourceVersionMatch === "Exact" || (resourceVersionMatch === "" && limit > 0)) {
    return pageAt(store, selection, revision, limit, "", false);
  }
  await store.watchCache.waitFor(revision);
  if (options.asOf !== undefined)
    return pageAt(store, selection, Math.max(options.asOf, revision), limit, "", false);
  return pageFromCache(store, selection, limit, "");
}

/** All that is selected, as it was at the revision. */
export async function stateAt(
  store: GenericStore,
  selection: Selection,
  revision: number,
): Promise<readonly CachedObject[]> {
  return (await pageAt(store, selection, revision, 0, "", false)).items;
}

/** The object as it was at the revision; undefined when there was none. */
export async function objectAt(
  store: GenericStore,
  namespace: string,
  name: string,
  revision: number,
): Promise<CachedObject | undefined> {
  const key = store.key(namespace, name);
  const found = await translate(store.watchCache.storage.get(key, { revision }));
  return found && reuse(store, key, found.modRevision, found.value);
}

async function nextPage(store: GenericStore, selection: Selection, options: ListOptions): Promise<ListPage> {
  const { revision, start } = decodeContinue(options.continueToken);
  if (options.resourceVersion !== "" && options.resourceVersion !== "0") {
    throw newBadRequest("specifying resource version is not allowed when using continue");
  }
  if (revision < 0) {
    await store.watchCache.current();
    return pageFromCache(store, selection, options.limit, start);
  }
  // "0" is taken for the whole of it here, too.
  const limit = options.resourceVersion === "0" ? 0 : options.limit;
  return pageAt(store, selection, revision, limit, start, true);
}

/**
 * The cache holds the state at `revision` too while nothing of the resource changed since. A revision that was compacted
 * away has expired all the same: clients must not find out by chance.
 */
async function pageAt(
  store: GenericStore,
  selection: Selection,
  revision: number,
  limit: number,
  after: string,
  isContinued: boolean,
): Promise<ListPage> {
  if (revision > store.watchCache.revision) await store.watchCache.current();
  if (revision > store.watchCache.revision)
    throw newTooLargeResourceVersion(revision, store.watchCache.revision);
  const isKept = revision >= (await store.watchCache.storage.compactedRevision());
  if (isKept && revision >= store.cache.lastChange) {
    return pageFromCache(store, selection, limit, after, revision);
  }
  return pageFromHistory(store, selection, revision, limit, after, isContinued);
}

function pageFromCache(
  store: GenericStore,
  selection: Selection,
  limit: number,
  after: string,
  revision: number = store.watchCache.revision,
): ListPage {
  store.watchCache.unreadable.checkAll(resourcePrefix(store.resource, selection.namespace));
  const resourceVersion = String(revision);
  const { lists } = store.cache;
  lists.count++;
  if (limit === 0 && after === "") {
    const selected = store.cache.select(selection);
    lists.fetched += selection.isWhole ? selected.length : store.cache.countAfter(selection.namespace, "");
    lists.returned += selected.length;
    return { items: selected, resourceVersion };
  }
  const items: CachedObject[] = [];
  let hasMore = false;
  for (const object of store.cache.objects(selection.namespace, after)) {
    lists.fetched++;
    if (!selection.matches(object)) continue;
    hasMore = limit > 0 && items.length === limit;
    if (hasMore) break;
    items.push(object);
  }
  lists.returned += items.length;
  const page = { items, resourceVersion };
  if (!hasMore) return page;
  const last = items.at(-1);
  const remaining = last === undefined ? 0 : store.cache.countAfter(selection.namespace, startOf(last));
  return withContinuation(page, last, remaining, revision, selection);
}

async function pageFromHistory(
  store: GenericStore,
  selection: Selection,
  revision: number,
  limit: number,
  after: string,
  isContinued: boolean,
): Promise<ListPage> {
  const prefix = resourcePrefix(store.resource, selection.namespace);
  const resourceVersion = String(revision);
  const items: CachedObject[] = [];
  let start = after === "" ? undefined : `${resourcePrefix(store.resource)}${after}`;
  for (;;) {
    const bound = limit === 0 ? {} : { limit: limit - items.length };
    const from = start === undefined ? {} : { after: start };
    const found = await readHistory(store, prefix, { revision, ...bound, ...from }, after, isContinued);
    for (const { key, value, modRevision, unreadable } of found.items) {
      if (unreadable !== undefined)
        throw newInternalError(`unable to transform key ${JSON.stringify(key)}: ${unreadable}`);
      start = key;
      const object = reuse(store, key, modRevision, value);
      if (object !== undefined && selection.matches(object)) items.push(object);
    }
    if (found.remaining === 0) return { items, resourceVersion };
    if (limit > 0 && items.length >= limit) {
      return withContinuation({ items, resourceVersion }, items.at(-1), found.remaining, revision, selection);
    }
  }
}

async function readHistory(
  store: GenericStore,
  prefix: string,
  options: { revision: number; limit?: number; after?: string },
  after: string,
  isContinued: boolean,
): ReturnType<GenericStore["watchCache"]["storage"]["list"]> {
  try {
    return await store.watchCache.storage.list(prefix, options);
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== "compacted")
      return translate(Promise.reject(error));
    throw isContinued ? newExpiredContinuation(after) : newResourceExpired(tooOldList);
  }
}

const tooOldList = "The resourceVersion for the provided list is too old.";

/** 410 with a token that goes on from the same place at the newest state. */
export function newExpiredContinuation(after: string): StatusError {
  const message =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without " +
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. " +
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or " +
    "deleted between the time the first chunk was returned and now may show up in the list.";
  const error = newStatusError(410, "Expired", message);
  error.status.metadata.continue = encodeContinue({ revision: -1, start: after });
  return error;
}

/** The cached object when it is still the one of that revision: nothing to decode. */
function reuse(
  store: GenericStore,
  key: string,
  revision: number,
  value: Uint8Array,
): CachedObject | undefined {
  const parsed = parseKey(key);
  if (parsed === undefined) return undefined;
  const cached = store.cache.get(parsed.namespace, parsed.name);
  if (cached?.revision === revision) return cached;
  return CachedObject.stored(parsed.namespace, parsed.name, revision, value);
}

function withContinuation(
  page: ListPage,
  last: CachedObject | undefined,
  remaining: number,
  revision: number,
  selection: Selection,
): ListPage {
  if (last === undefined || remaining === 0) return page;
  const more = { ...page, continueToken: encodeContinue({ revision, start: startOf(last) }) };
  return selection.isWhole ? { ...more, remainingItemCount: remaining } : more;
}

const startOf = ({ namespace, name }: CachedObject): string =>
  namespace === "" ? name : `${namespace}/${name}`;

/** A decimal revision; 500 otherwise, or 400 with `context` before the message. "" means 0. */
export function parseResourceVersion(text: string, context = ""): number {
  if (text === "") return 0;
  // A revision beyond what a number holds exactly is in the future in any case.
  const isNumber = /^\d+$/.test(text);
  if (isNumber && BigInt(text) < 2n ** 64n) return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
  const quoted = JSON.stringify(text);
  const why = `strconv.ParseUint: parsing ${quoted}: ${isNumber ? "value out of range" : "invalid syntax"}`;
  const message = `${context}resourceVersion: Invalid value: ${quoted}: ${why}`;
  // Of a list it is the client's fault; where the storage is the first to read it, nobody says whose.
  throw context === "" ? newStatusError(500, "", message) : newBadRequest(message);
}
