import { newBadRequest } from "../../apimachinery/status.ts";
import { type ListOptions, listObjects } from "../registry/list.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import { translate } from "../registry/store.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { isOfMetadata } from "./asked-form.ts";
import { isAskedOfConverted, selectionOf } from "./selection.ts";
import type { ServerCore } from "./server-core.ts";
import { targetOf } from "./target.ts";

/** GET of a collection. */
export async function list(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { info, store } = served;
  const { query } = state.request;
  const options = { ...listOptions(query), asOf: state.asOf };
  const selection = selectionOf(core.scheme, info, targetOf(state.info, info).namespace, query);
  if (store === undefined) return { type: "list", page: { items: [], resourceVersion: "0" }, served: info };
  if (isAskedOfConverted(info, query)) await store.ready(info, store.cache.objects(selection.namespace));
  const page = await listObjects(store, info, selection, options);
  const loading = isOfMetadata(state) ? undefined : store.cache.loaded(page.items);
  if (loading !== undefined) await translate(loading);
  return { type: "list", page, served: info };
}

/** The options of a list in the query. */
export function listOptions(query: URLSearchParams): ListOptions {
  // Nothing comes of it here, but it is read.
  integerOf(query, "timeoutSeconds");
  return {
    resourceVersion: query.get("resourceVersion") ?? "",
    resourceVersionMatch: query.get("resourceVersionMatch") ?? "",
    limit: Math.max(0, integerOf(query, "limit") ?? 0),
    continueToken: query.get("continue") ?? "",
    ...(query.has("sendInitialEvents") ? { sendInitialEvents: true } : {}),
  };
}

/** An integer of the query; undefined when absent, 400 when it is none. */
export function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^[+-]?\d+$/.test(text)) {
    throw newBadRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  if (BigInt(text.replace("+", "")) !== BigInt.asIntN(64, BigInt(text.replace("+", "")))) {
    throw newBadRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return Number(text);
}
