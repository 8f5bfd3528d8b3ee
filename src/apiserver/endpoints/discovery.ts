import { createHash } from "node:crypto";
import type { ResourceInfo, Scheme, SubresourceInfo } from "../../api/scheme.ts";
import { formatApiVersion } from "../../apimachinery/gvk.ts";
import { deepFreeze } from "../../apimachinery/json.ts";
import type { APIGroup, APIResource } from "../../apimachinery/meta-v1.ts";
import { newGenericNotFound } from "../../apimachinery/status.ts";
import { AggregatedDiscovery, aggregatedForms, servedVersions } from "./aggregated-discovery.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { kindOf, partsOf, resourcesOf, verbsOf } from "./discovery-parts.ts";
import { unlessKnown } from "./entity-tag.ts";
import { negotiate } from "./negotiate.ts";
import { checkAccept, objectTypes } from "./route-form.ts";
import type { ServerCore } from "./server-core.ts";

/** /api, /apis and what is below them down to the versions: in the old form, and aggregated in one document. */
export function discovery(
  core: ServerCore,
): (state: RequestState, path: string) => Promise<ApiResponse | undefined> {
  const { scheme } = core;
  const aggregated = new AggregatedDiscovery(core);
  return async (state, path) => {
    const parts = path.slice(1).split("/");
    const root = parts[0];
    if (root !== "api" && root !== "apis") return undefined;
    const reading = scheme.settled?.();
    if (reading !== undefined) await reading;
    if (parts.length === 1) {
      if (root === "api") checkAccept(state.request, objectTypes);
      const negotiated = negotiate(state.request.header("accept"), { forms: aggregatedForms });
      if (negotiated.as !== undefined)
        return unlessKnown(state, await aggregated.document(root, negotiated.mediaType));
      return value(root === "api" ? coreVersions(state) : groupList(core));
    }
    const found = root === "api" ? resourceList(scheme, parts, "", 2) : groupOrResources(core, parts);
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

function groupOrResources(core: ServerCore, parts: readonly string[]): ApiResponse | undefined {
  const group = parts[1] ?? "";
  if (parts.length > 2) return resourceList(core.scheme, parts, group, 3);
  const found = groupsOf(core).find((each) => each.name === group);
  return found === undefined ? undefined : value({ kind: "APIGroup", apiVersion: "v1", ...found });
}

function groupList(core: ServerCore): object {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groupsOf(core) };
}

/** The named groups in their order; the first version of each is the preferred one. Whether it can be reached is not asked. */
function groupsOf(core: ServerCore): Omit<APIGroup, "kind" | "apiVersion">[] {
  const groups = new Map<string, { groupVersion: string; version: string }[]>();
  for (const groupVersion of servedVersions(core)) {
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

function resourceList(
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
  const resources = resourcesOf(scheme, { group, version }).flatMap(knownEntriesOf);
  const apiVersion = group === "" ? {} : { apiVersion: "v1" };
  const groupVersion = formatApiVersion({ group, version });
  return value({ kind: "APIResourceList", ...apiVersion, groupVersion, resources });
}

/** What is said of a resource stays the same, and built-in ones are those of all clusters of the process. */
const known = new WeakMap<ResourceInfo, readonly APIResource[]>();

function knownEntriesOf(info: ResourceInfo): readonly APIResource[] {
  let entries = known.get(info);
  if (entries === undefined) {
    entries = deepFreeze(entriesOf(info));
    known.set(info, entries);
  }
  return entries;
}

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

/** Tells clients whether two versions share their objects (k8s.io/apiserver/pkg/endpoints/discovery). */
function storageVersionHash({ storage: { group, version }, kind }: ResourceInfo): string {
  const digest = createHash("sha256").update(`${group}/${version}/${kind}`).digest();
  return digest.subarray(0, 8).toString("base64");
}
