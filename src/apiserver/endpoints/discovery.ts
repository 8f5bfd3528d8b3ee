import { createHash } from "node:crypto";
import type { ResourceInfo, Scheme, SubresourceInfo } from "../../api/scheme.ts";
import { formatApiVersion, type GroupVersion } from "../../apimachinery/gvk.ts";
import type { APIGroup, APIResource } from "../../apimachinery/meta-v1.ts";
import { newGenericNotFound } from "../../apimachinery/status.ts";
import type { ApiResponse, BytesResponse, RequestState } from "./api-request.ts";
import { jsonType, type MediaType, negotiate, yamlType } from "./negotiate.ts";
import { checkAccept, objectTypes } from "./route-form.ts";
import type { ServerCore } from "./server-core.ts";

const aggregatedForms = ["APIGroupDiscoveryList.apidiscovery.k8s.io/v2"];

/** /api, /apis and what is below them down to the versions: in the old form, and aggregated in one document. */
export function discovery(
  core: ServerCore,
): (state: RequestState, path: string) => Promise<ApiResponse | undefined> {
  const { scheme } = core;
  const aggregated = new Map<string, BytesResponse>();
  let generation = scheme.generation;
  return async (state, path) => {
    const parts = path.slice(1).split("/");
    const root = parts[0];
    if (root !== "api" && root !== "apis") return undefined;
    const reading = scheme.settled?.();
    if (reading !== undefined) await reading;
    if (parts.length === 1) {
      if (root === "api") checkAccept(state.request, objectTypes);
      const negotiated = negotiate(state.request.header("accept"), { forms: aggregatedForms });
      if (negotiated.as !== undefined) {
        if (scheme.generation !== generation) {
          generation = scheme.generation;
          aggregated.clear();
        }
        const key = `${root} ${negotiated.mediaType}`;
        let document = aggregated.get(key);
        if (document === undefined) {
          document = await aggregatedDocument(scheme, root === "api", negotiated.mediaType);
          aggregated.set(key, document);
        }
        return unlessKnown(state, document);
      }
      return value(root === "api" ? coreVersions(state) : groupList(scheme));
    }
    const found = root === "api" ? resourcesOf(scheme, parts, "", 2) : groupOrResources(scheme, parts);
    if (found !== undefined) checkAccept(state.request, objectTypes);
    return found;
  };
}

const value = (document: object): ApiResponse => ({ type: "value", status: 200, value: document as never });

function coreVersions(state: RequestState): object {
  const serverAddress = state.request.header(":authority") ?? state.request.header("host") ?? "";
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
  };
}

function groupOrResources(scheme: Scheme, parts: readonly string[]): ApiResponse | undefined {
  const group = parts[1] ?? "";
  if (parts.length > 2) return resourcesOf(scheme, parts, group, 3);
  const found = groupsOf(scheme).find((each) => each.name === group);
  return found === undefined ? undefined : value({ kind: "APIGroup", apiVersion: "v1", ...found });
}

function groupList(scheme: Scheme): object {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groupsOf(scheme) };
}

/** The named groups in their order; the first version of each is the preferred one. */
function groupsOf(scheme: Scheme): Omit<APIGroup, "kind" | "apiVersion">[] {
  const groups = new Map<string, { groupVersion: string; version: string }[]>();
  for (const groupVersion of scheme.groupVersions()) {
    if (groupVersion.group === "") continue;
    const versions = groups.get(groupVersion.group) ?? [];
    versions.push({ groupVersion: formatApiVersion(groupVersion), version: groupVersion.version });
    groups.set(groupVersion.group, versions);
  }
  return Array.from(groups, ([name, versions]) => ({
    name,
    versions,
    ...(versions[0] === undefined ? {} : { preferredVersion: versions[0] }),
  }));
}

function resourcesOf(
  scheme: Scheme,
  parts: readonly string[],
  group: string,
  length: number,
): ApiResponse | undefined {
  const version = parts[length - 1] ?? "";
  if (parts.length !== length) return undefined;
  const isKnown = scheme.groupVersions().some((each) => each.group === group && each.version === version);
  if (!isKnown) {
    // Within a group that is served the versions are looked for; elsewhere there is nothing at all.
    if (scheme.groupVersions().some((each) => each.group === group)) throw newGenericNotFound();
    return undefined;
  }
  const resources = sorted(scheme, { group, version }).flatMap(entriesOf);
  const apiVersion = group === "" ? {} : { apiVersion: "v1" };
  const groupVersion = formatApiVersion({ group, version });
  return value({ kind: "APIResourceList", ...apiVersion, groupVersion, resources });
}

const sorted = (scheme: Scheme, groupVersion: GroupVersion): ResourceInfo[] =>
  scheme.resources(groupVersion).toSorted((a, b) => (a.resource < b.resource ? -1 : 1));

function entriesOf(info: ResourceInfo): APIResource[] {
  const main: APIResource = {
    name: info.resource,
    singularName: info.singular,
    namespaced: info.namespaced,
    kind: info.kind,
    verbs: [...info.verbs],
    ...(info.shortNames.length > 0 ? { shortNames: [...info.shortNames] } : {}),
    ...(info.categories.length > 0 ? { categories: [...info.categories] } : {}),
    ...(info.verbs.includes("watch") ? { storageVersionHash: storageVersionHash(info) } : {}),
  };
  const parts = partsOf(info);
  return [main, ...parts.map((part) => subresourceEntry(info, part))];
}

/** Those of custom resources stand as they are, status first. */
const partsOf = ({ custom, subresources }: ResourceInfo): readonly SubresourceInfo[] =>
  custom === undefined ? subresources.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : subresources;

function subresourceEntry(info: ResourceInfo, part: SubresourceInfo): APIResource {
  const other = part.kind === undefined ? {} : { group: part.kind.group, version: part.kind.version };
  return {
    name: `${info.resource}/${part.name}`,
    singularName: "",
    namespaced: info.namespaced,
    ...(part.kind?.group === info.group && part.kind.version === info.version ? {} : other),
    kind: kindOf(info, part),
    verbs: verbsOf(part),
  };
}

const connectKinds: Readonly<Record<string, string>> = {
  exec: "PodExecOptions",
  attach: "PodAttachOptions",
  portforward: "PodPortForwardOptions",
};

function kindOf(info: ResourceInfo, part: SubresourceInfo): string {
  if (part.name === "proxy") return `${info.kind}ProxyOptions`;
  return part.kind?.kind ?? connectKinds[part.name] ?? info.kind;
}

/** CONNECT is no HTTP method: discovery shows what stands for it. */
function verbsOf(part: SubresourceInfo): string[] {
  if (!part.verbs.includes("connect")) return [...part.verbs];
  return part.name === "proxy" ? ["create", "delete", "get", "patch", "update"] : ["create", "get"];
}

/** Tells clients whether two versions share their objects (k8s.io/apiserver/pkg/endpoints/discovery). */
function storageVersionHash({ storage: { group, version }, kind }: ResourceInfo): string {
  const digest = createHash("sha256").update(`${group}/${version}/${kind}`).digest();
  return digest.subarray(0, 8).toString("base64");
}

/** One document for all groups (apidiscovery.k8s.io). Clients recognise it by its content type. */
async function aggregatedDocument(
  scheme: Scheme,
  isCore: boolean,
  mediaType: MediaType,
): Promise<BytesResponse> {
  const groups = new Map<string, GroupVersion[]>();
  for (const groupVersion of scheme.groupVersions()) {
    if ((groupVersion.group === "") !== isCore) continue;
    groups.set(groupVersion.group, [...(groups.get(groupVersion.group) ?? []), groupVersion]);
  }
  const document = {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: Array.from(groups, ([name, versions]) => ({
      metadata: name === "" ? {} : { name },
      versions: versions.map((each) => ({
        version: each.version,
        resources: sorted(scheme, each).map(aggregatedResource),
        freshness: "Current",
      })),
    })),
  };
  const bytes = await encoded(document, mediaType);
  return {
    type: "bytes",
    status: 200,
    contentType: `${mediaType};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`,
    bytes,
    headers: { ...etagOf(bytes), vary: "Accept", "cache-control": "public" },
  };
}

async function encoded(
  document: { apiVersion: string; kind: string },
  mediaType: MediaType,
): Promise<Uint8Array> {
  if (mediaType === jsonType) return Buffer.from(JSON.stringify(document));
  if (mediaType === yamlType) {
    const { printYaml } = await import("../../apimachinery/yaml.ts");
    return Buffer.from(printYaml(document));
  }
  const { encodeProtobufAnswer, protobufReady } = await import("./protobuf.ts");
  await protobufReady();
  return encodeProtobufAnswer(document);
}

function aggregatedResource(info: ResourceInfo): object {
  // What is of the same group and version as the list goes without saying.
  const responseKind = { group: "", version: "", kind: info.kind };
  const parts = partsOf(info);
  return {
    resource: info.resource,
    responseKind,
    scope: info.namespaced ? "Namespaced" : "Cluster",
    singularResource: info.singular,
    verbs: info.verbs,
    ...(info.shortNames.length > 0 ? { shortNames: info.shortNames } : {}),
    ...(info.categories.length > 0 ? { categories: info.categories } : {}),
    ...(parts.length > 0 ? { subresources: parts.map((part) => aggregatedSubresource(info, part)) } : {}),
  };
}

function aggregatedSubresource(info: ResourceInfo, part: SubresourceInfo): object {
  const isOwn = part.kind === undefined || formatApiVersion(part.kind) === formatApiVersion(info);
  const { group, version } = isOwn ? { group: "", version: "" } : (part.kind ?? info);
  return {
    subresource: part.name,
    responseKind: { group, version, kind: kindOf(info, part) },
    verbs: verbsOf(part),
  };
}

export function etagOf(bytes: Uint8Array): { etag: string } {
  return { etag: `"${createHash("sha512").update(bytes).digest("hex").toUpperCase()}"` };
}

/** 304 when the client has the document already. */
export function unlessKnown(state: RequestState, response: BytesResponse): BytesResponse {
  const { etag } = response.headers ?? {};
  const known = state.request.header("if-none-match");
  if (etag === undefined || known === undefined || !known.includes(etag)) return response;
  return { ...response, status: 304, bytes: new Uint8Array() };
}
