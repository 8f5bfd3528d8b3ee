import { gzipSync } from "node:zlib";
import type { ResourceInfo } from "../../../src/api/scheme.ts";
import { anyConversation } from "./conversations.ts";
import { Dice } from "./dice.ts";
import type { FuzzCase, FuzzRequest } from "./fuzz-request.ts";
import {
  anyAccept,
  baseHeaders,
  framingHeaders,
  type Header,
  json,
  oddContentType,
  oddHeaders,
  protobuf,
  yaml,
} from "./headers.ts";
import { anyKind, anyName, fuzzNamespaces, scheme, validObject } from "./kinds.ts";
import { mutateBytes, mutateText } from "./mutate-bytes.ts";
import { mutateObject } from "./mutate-object.ts";
import { applied, jsonPatch, mergePatch, type PatchType, patchTypes, strategicPatch } from "./patch-body.ts";
import { collectionPath, mutatePath, otherPaths } from "./path.ts";
import { protobufBody } from "./protobuf-body.ts";
import { query } from "./query.ts";
import { subresourceBody } from "./subresource-body.ts";
import { yamlBody } from "./yaml-body.ts";

/** What is being asked, before it is bent. */
interface Draft {
  method: string;
  path: string;
  query: string;
  headers: Header[];
  body: Uint8Array | undefined;
  leaveAfterMs?: number;
}

/** The request of that number in the sequence of the seed. The same every time, whatever was asked before. */
export function generate(seed: number, index: number): FuzzCase {
  const dice = Dice.of(seed, index);
  if (dice.percent(2)) return anyConversation(dice);
  const draft = dice.percent(6) ? nonResource(dice) : resourceRequest(dice);
  return bend(dice, draft);
}

function nonResource(dice: Dice): Draft {
  // The whole OpenAPI document is a megabyte: it is asked for rarely.
  const path = dice.percent(1) ? "/openapi/v2" : dice.pick(otherPaths);
  const isWatching = dice.percent(2);
  return {
    method: dice.weighted([
      [8, "GET"],
      [1, "HEAD"],
      [1, dice.pick(oddMethods)],
    ]),
    path,
    query: isWatching ? query(dice, "watch") : query(dice, "get"),
    headers: baseHeaders(dice, anyAccept(dice)),
    body: undefined,
  };
}

const oddMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] as const;

function resourceRequest(dice: Dice): Draft {
  const info = anyKind(dice);
  const namespace = dice.percent(95)
    ? dice.pick(fuzzNamespaces)
    : dice.pick(["", "default", "fz-none", "fz-0"]);
  const name = anyName(dice, info);
  const verbs = verbsOf(info);
  const verb = dice.weighted(verbs);
  const collection = collectionPath(info, namespace);
  const item = `${collectionPath(info, info.namespaced && namespace === "" ? "fz-a" : namespace)}/${name}`;
  const headers = baseHeaders(dice, anyAccept(dice));
  const draft = { headers, body: undefined };
  switch (verb) {
    case "get":
      return { ...draft, method: "GET", path: item, query: query(dice, "get") };
    case "list":
      // All namespaces together are asked for less: their answers are the largest.
      return {
        ...draft,
        method: "GET",
        path: dice.percent(5) ? collectionPath(info, "") : collection,
        query: query(dice, "list", { limit: "20" }),
      };
    case "watch":
      return {
        ...draft,
        method: "GET",
        path: dice.percent(20) ? item : collection,
        query: query(dice, "watch", { watch: "1", ...(dice.percent(80) ? { resourceVersion: "0" } : {}) }),
        leaveAfterMs: dice.pick([1, 5, 40]),
      };
    case "create":
      return withBody(
        dice,
        info,
        { ...draft, method: "POST", path: collection, query: query(dice, "write") },
        name,
        namespace,
      );
    case "update":
      return withBody(
        dice,
        info,
        { ...draft, method: "PUT", path: item, query: query(dice, "write") },
        name,
        namespace,
      );
    case "patch":
      return withPatch(dice, info, { ...draft, method: "PATCH", path: item, query: "" }, name, namespace);
    case "delete":
      return withOptions(dice, { ...draft, method: "DELETE", path: item, query: query(dice, "delete") });
    case "deletecollection": {
      // What every cluster has is not to go with it.
      const own = info.namespaced && info.resource !== "resourcequotas" ? { dryRun: "" } : { dryRun: "All" };
      return withOptions(dice, {
        ...draft,
        method: "DELETE",
        path: collectionPath(info, "fz-a"),
        query: query(dice, "delete", { labelSelector: "n=1", ...own }),
      });
    }
    default:
      return subresource(dice, info, draft.headers, item, name, namespace);
  }
}

const verbWeights: Readonly<Record<string, number>> = {
  get: 6,
  list: 5,
  watch: 3,
  create: 16,
  update: 10,
  patch: 18,
  delete: 5,
  deletecollection: 1,
};
const verbTables = new Map<ResourceInfo, (readonly [number, string])[]>();

function verbsOf(info: ResourceInfo): (readonly [number, string])[] {
  let table = verbTables.get(info);
  if (table === undefined) {
    table = info.verbs.map((verb) => [verbWeights[verb] ?? 1, verb] as const);
    if (info.subresources.length > 0) table.push([8, "subresource"]);
    verbTables.set(info, table);
  }
  return table;
}

/** How often an object is bent before it is written down: mostly a little, so that it gets far. */
const bends = [
  [4, 0],
  [4, 1],
  [2, 2],
  [1, 4],
] as const;

function bentObject(
  dice: Dice,
  info: ResourceInfo,
  name: string,
  namespace: string,
): Record<string, unknown> {
  const object = validObject(dice, info, name, namespace);
  for (let left = dice.weighted(bends); left > 0; left--) mutateObject(dice, info, object);
  return object;
}

function withBody(dice: Dice, info: ResourceInfo, draft: Draft, name: string, namespace: string): Draft {
  const object = bentObject(dice, info, name, namespace);
  return encoded(dice, info, draft, object);
}

/** In one of the forms that bodies come in, a third of them broken. */
function encoded(dice: Dice, info: ResourceInfo, draft: Draft, object: Record<string, unknown>): Draft {
  const type = dice.weighted([
    [7, json],
    [2, yaml],
    [2, protobuf],
  ]);
  const isOdd = dice.percent(30);
  const body = bodyOf(dice, info, object, type, isOdd);
  const contentType = dice.percent(96) ? type : oddContentType(dice);
  const headers: Header[] = dice.percent(98)
    ? [...draft.headers, ["content-type", contentType]]
    : draft.headers;
  return { ...draft, headers, body };
}

function bodyOf(dice: Dice, info: ResourceInfo, object: unknown, type: string, isOdd: boolean): Uint8Array {
  if (type === protobuf) return protobufBody(dice, info, object, isOdd);
  if (type === yaml) return Buffer.from(yamlBody(dice, object, isOdd));
  return jsonBytes(dice, object, isOdd);
}

function jsonBytes(dice: Dice, object: unknown, isOdd: boolean): Uint8Array {
  const text = JSON.stringify(object) ?? "";
  if (!isOdd) return Buffer.from(text);
  return dice.percent(60) ? Buffer.from(mutateText(dice, text)) : mutateBytes(dice, Buffer.from(text));
}

function withPatch(dice: Dice, info: ResourceInfo, draft: Draft, name: string, namespace: string): Draft {
  const type = dice.weighted<PatchType>([
    [3, "json"],
    [2, "merge"],
    [4, "strategic"],
    [5, "apply"],
  ]);
  const object = bentObject(dice, info, name, namespace);
  const made: Readonly<Record<PatchType, () => unknown>> = {
    json: () => jsonPatch(dice),
    merge: () => mergePatch(dice, object),
    strategic: () => strategicPatch(dice, object),
    apply: () => applied(dice, object),
  };
  const value = made[type]();
  const isOdd = dice.percent(20);
  const body =
    type === "apply" && dice.percent(30)
      ? Buffer.from(yamlBody(dice, value, isOdd))
      : jsonBytes(dice, value, isOdd);
  const contentType = dice.percent(97) ? patchTypes[type] : oddContentType(dice);
  const sane =
    type === "apply" && dice.percent(95)
      ? { fieldManager: `m${dice.below(3)}`, force: String(dice.percent(60)) }
      : {};
  return {
    ...draft,
    query: query(dice, type === "apply" ? "apply" : "write", sane),
    headers: [...draft.headers, ["content-type", contentType]],
    body,
  };
}

function withOptions(dice: Dice, draft: Draft): Draft {
  if (dice.percent(60)) return draft;
  const options: Record<string, unknown> = { kind: "DeleteOptions", apiVersion: "v1" };
  const fields: Readonly<Record<string, unknown>> = {
    gracePeriodSeconds: dice.pick([0, 1, -1, 1e18, "x", null, 0.5]),
    propagationPolicy: dice.pick(["Orphan", "Foreground", "Background", "x", 5]),
    preconditions: dice.pick([{ uid: "x" }, { resourceVersion: "1" }, {}, null, [], { uid: 5 }]),
    dryRun: dice.pick([["All"], [], ["x"], "All", null]),
    orphanDependents: dice.pick([true, false, "x"]),
    kind: dice.pick(["Pod", "", 5]),
    unknown: 1,
  };
  for (let left = dice.below(4); left > 0; left--) {
    const field = dice.pick(Object.keys(fields));
    options[field] = fields[field];
  }
  const type = dice.percent(95) ? dice.pick([json, json, yaml]) : oddContentType(dice);
  return {
    ...draft,
    headers: [...draft.headers, ["content-type", type]],
    body: jsonBytes(dice, options, dice.percent(15)),
  };
}

function subresource(
  dice: Dice,
  info: ResourceInfo,
  headers: Header[],
  item: string,
  name: string,
  namespace: string,
): Draft {
  const part = dice.pick(info.subresources);
  const verb = dice.pick(part.verbs);
  const draft: Draft = { method: "GET", path: `${item}/${part.name}`, query: "", headers, body: undefined };
  const isStream = ["log", "exec", "attach", "portforward", "proxy"].includes(part.name);
  if (isStream) {
    const deeper =
      part.name === "proxy" && dice.percent(50) ? dice.pick(["/", "/x", "/../..", "/%2e%2e", "//"]) : "";
    return {
      ...draft,
      method: part.name === "log" || dice.percent(60) ? "GET" : dice.pick(oddMethods),
      path: draft.path + deeper,
      query: query(dice, "stream", dice.percent(50) ? { container: "c" } : {}),
      leaveAfterMs: dice.pick([5, 40]),
    };
  }
  if (verb === "get") return { ...draft, query: query(dice, "get") };
  if (verb === "patch") return withPatch(dice, info, { ...draft, method: "PATCH" }, name, namespace);
  const method = verb === "update" ? "PUT" : verb === "delete" ? "DELETE" : "POST";
  const special = subresourceBody(dice, part.name, name, namespace);
  const object = special ?? bentObject(dice, info, name, namespace);
  if (special !== undefined && dice.percent(40)) mutateObject(dice, kindOf(part.kind) ?? info, object);
  return encoded(dice, kindOf(part.kind) ?? info, { ...draft, method, query: query(dice, "write") }, object);
}

const kindOf = (kind: ResourceInfo["subresources"][number]["kind"]): ResourceInfo | undefined =>
  kind === undefined ? undefined : scheme.resourceForKind(kind);

/** The last changes: of the path, the method, the headers, the bytes on their way. */
function bend(dice: Dice, draft: Draft): FuzzRequest {
  const isHttp1 = dice.percent(45);
  const path = dice.percent(8) ? mutatePath(dice, draft.path) : draft.path;
  const headers = [...draft.headers];
  if (dice.percent(10)) headers.push(...oddHeaders(dice));
  const isMalformed = isHttp1 && dice.percent(2);
  if (isMalformed) headers.push(...framingHeaders(dice));
  let { body } = draft;
  if (body !== undefined && dice.percent(1)) {
    body = gzipSync(body);
    headers.push(["content-encoding", "gzip"]);
  }
  if (dice.percent(0.05)) body = Buffer.alloc(3 * 1024 * 1024 + dice.below(3) - 1, "x");
  const target = path + draft.query;
  const isCut = body !== undefined && body.length > 1 && dice.percent(1.5);
  // A path that was bent may be one that goes on for ever.
  const leaveAfterMs =
    draft.leaveAfterMs ?? (/watch|follow|exec|attach|portforward/i.test(target) ? 20 : undefined);
  return {
    type: "request",
    protocol: isHttp1 ? "http/1.1" : "h2",
    method: dice.percent(1) ? dice.pick(oddMethods) : draft.method,
    target,
    headers,
    body,
    ...(isCut && body !== undefined ? { cutAt: dice.below(body.length) } : {}),
    ...(leaveAfterMs === undefined ? {} : { leaveAfterMs }),
    // Node takes no bytes in a target that a URL may not hold.
    isMalformed: isMalformed || !/^\/[!-~]*$/.test(target),
  };
}
