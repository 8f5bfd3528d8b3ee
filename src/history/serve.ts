import { formatTime } from "../apimachinery/clock.ts";
import { isObject } from "../apimachinery/json.ts";
import { newBadRequest, newForbidden, newMethodNotAllowed } from "../apimachinery/status.ts";
import type { ApiResponse, RequestState } from "../apiserver/endpoints/api-request.ts";
import type { ChangeReader, Entry } from "./entry.ts";

/** May the user read such objects as they are now? Then also as they were. */
export type MayRead = (
  state: RequestState,
  group: string,
  resource: string,
  namespace: string,
) => Promise<boolean>;

/**
 * GET: the changes, oldest first, by `group`, `resource`, `namespace`, `name`, `after`, `upTo`, `sinceMs`; with
 * `objects=true` also the states before and after. Who reads them must be let in at the path and, beyond that, be allowed
 * to read the resources that are asked for.
 */
export async function serveHistory(
  journal: ChangeReader,
  mayRead: MayRead,
  state: RequestState,
): Promise<ApiResponse> {
  const { method, query } = state.request;
  if (method !== "GET") throw newMethodNotAllowed();
  const text = (name: string): string | undefined => query.get(name) ?? undefined;
  const group = text("group");
  const resource = text("resource");
  const namespace = text("namespace");
  const {
    begin,
    revision,
    entries: all,
  } = await journal.read({
    group,
    resource,
    namespace,
    name: text("name"),
    after: number(query, "after"),
    upTo: number(query, "upTo"),
    sinceMs: number(query, "sinceMs"),
  });
  const allowed = await filterAllowed(state, all, mayRead);
  if (allowed.length === 0 && all.length > 0)
    throw newForbidden(
      { group: group ?? "", resource: resource ?? "" },
      text("name") ?? "",
      whyNot(state.user.name, group ?? "", resource ?? "", namespace),
    );
  const withObjects = query.get("objects") === "true";
  return answer({
    apiVersion: "sampan.dev/v1",
    kind: "History",
    begin,
    revision,
    items: allowed.map((entry) => itemOf(entry, withObjects)),
  });
}

/** As the authorizer says it of a list of such objects. */
const whyNot = (user: string, group: string, resource: string, namespace: string | undefined): string =>
  `User "${user}" cannot list resource "${resource}" in API group "${group}" ${namespace === undefined || namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`}`;

async function filterAllowed(
  state: RequestState,
  entries: readonly Entry[],
  mayRead: MayRead,
): Promise<Entry[]> {
  const asked = new Map<string, Promise<boolean>>();
  const may = ({ group, resource, namespace }: Entry): Promise<boolean> => {
    const key = `${group}/${resource}/${namespace}`;
    const known = asked.get(key) ?? mayRead(state, group, resource, namespace);
    asked.set(key, known);
    return known;
  };
  const allowed = await Promise.all(entries.map(may));
  return entries.filter((_, index) => allowed[index]);
}

function number(query: URLSearchParams, name: string): number | undefined {
  const given = query.get(name);
  if (given === null) return undefined;
  const value = Number(given);
  if (given !== "" && Number.isInteger(value) && value >= 0) return value;
  throw newBadRequest(`${name}: ${JSON.stringify(given)} is no number`);
}

function itemOf(entry: Entry, withObjects: boolean): object {
  const { revision, timeMs, group, resource, namespace, name, before, after, request } = entry;
  return {
    revision,
    time: formatTime(timeMs),
    group,
    resource,
    namespace,
    name,
    change: before === undefined ? "created" : after === undefined ? "deleted" : "changed",
    ...(request !== undefined && { request }),
    ...(withObjects && {
      ...(before !== undefined && { before: parsed(before) }),
      ...(after !== undefined && { after: parsed(after, revision) }),
    }),
  };
}

/** The resourceVersion is not stored; it is the revision that wrote the state. */
function parsed(value: Uint8Array, revision?: number): unknown {
  const object: unknown = JSON.parse(Buffer.from(value).toString());
  if (!isObject(object) || revision === undefined) return object;
  const { metadata } = object;
  return {
    ...object,
    metadata: { ...(isObject(metadata) ? metadata : {}), resourceVersion: String(revision) },
  };
}

const answer = (document: object): ApiResponse => ({
  type: "bytes",
  status: 200,
  contentType: "application/json",
  bytes: Buffer.from(JSON.stringify(document)),
});
