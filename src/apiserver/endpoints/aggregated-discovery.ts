import type { ResourceInfo, Scheme, SubresourceInfo } from "../../api/scheme.ts";
import { formatApiVersion, type GroupVersion } from "../../apimachinery/gvk.ts";
import type { AggregatedVersion, RemoteApiServer } from "../aggregation/aggregation.ts";
import type { RemoteDiscovery } from "../aggregation/documents/remote-discovery.ts";
import type {
  ResourceDiscovery,
  SubresourceDiscovery,
  VersionDiscovery,
} from "../aggregation/documents/version-discovery.ts";
import type { BytesResponse } from "./api-request.ts";
import { kindOf, partsOf, resourcesOf, verbsOf } from "./discovery-parts.ts";
import { etagOf } from "./entity-tag.ts";
import { jsonType, type MediaType, yamlType } from "./negotiate.ts";
import type { ServerCore } from "./server-core.ts";

/** The forms in which all groups are told in one document (apidiscovery.k8s.io). */
export const aggregatedForms = ["APIGroupDiscoveryList.apidiscovery.k8s.io/v2"];

/** A version that is served, here or elsewhere. */
export type ServedVersion = Pick<AggregatedVersion, "group" | "version"> &
  Partial<Pick<AggregatedVersion, "remote">>;

/** All that is served, in the order of discovery. */
export const servedVersions = ({ scheme, aggregation }: ServerCore): readonly ServedVersion[] =>
  aggregation.hasRemote ? aggregation.versions() : scheme.groupVersions();

interface Kept {
  readonly generation: number;
  readonly remotes: readonly (VersionDiscovery | undefined)[];
  readonly document: Promise<BytesResponse>;
}

/** The aggregated documents, by root and media type; each is made when it is asked for, and when what is in it has changed. */
export class AggregatedDiscovery {
  readonly #core: ServerCore;
  readonly #kept = new Map<string, Kept>();
  #remotes: Promise<RemoteDiscovery> | undefined;

  constructor(core: ServerCore) {
    this.#core = core;
  }

  async document(root: "api" | "apis", mediaType: MediaType): Promise<BytesResponse> {
    const { aggregation } = this.#core;
    const versions = servedVersions(this.#core).filter(({ group }) => (group === "") === (root === "api"));
    const { generation } = aggregation;
    const found = aggregation.hasRemote ? await this.#ofRemotes() : none;
    const remotes = versions.map(({ remote }) => remote && found.get(remote));
    const key = `${root} ${mediaType}`;
    const kept = this.#kept.get(key);
    if (kept?.generation === generation && isSame(kept.remotes, remotes)) return kept.document;
    const document = documentOf(this.#core.scheme, versions, remotes, mediaType);
    this.#kept.set(key, { generation, remotes, document });
    document.catch(() => this.#kept.delete(key));
    return document;
  }

  async #ofRemotes(): Promise<ReadonlyMap<RemoteApiServer, VersionDiscovery>> {
    const { aggregation, clock } = this.#core;
    this.#remotes ??= import("../aggregation/documents/remote-discovery.ts").then(
      ({ RemoteDiscovery }) => new RemoteDiscovery(clock),
    );
    return (await this.#remotes).current(aggregation.versions());
  }
}

const none: ReadonlyMap<RemoteApiServer, VersionDiscovery> = new Map();

const isSame = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((each, index) => each === b[index]);

/** Clients recognise it by its content type. `remotes` stand beside the versions that they are of. */
async function documentOf(
  scheme: Scheme,
  versions: readonly ServedVersion[],
  remotes: readonly (VersionDiscovery | undefined)[],
  mediaType: MediaType,
): Promise<BytesResponse> {
  const groups = new Map<string, object[]>();
  for (const [index, { group, version, remote }] of versions.entries()) {
    const entry = remote === undefined ? ownVersion(scheme, { group, version }) : remotes[index];
    groups.set(group, [...(groups.get(group) ?? []), entry ?? { version, freshness: "Stale" }]);
  }
  const items = Array.from(groups, ([name, entries]) => ({
    metadata: name === "" ? {} : { name },
    versions: entries,
  }));
  const list = { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", metadata: {}, items };
  const bytes = await encoded(list, mediaType);
  return {
    type: "bytes",
    status: 200,
    contentType: `${mediaType};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`,
    bytes,
    headers: { ...etagOf(bytes), vary: "Accept", "cache-control": "public" },
  };
}

function ownVersion(scheme: Scheme, groupVersion: GroupVersion): VersionDiscovery {
  const resources = resourcesOf(scheme, groupVersion).map(resourceOf);
  return { version: groupVersion.version, resources, freshness: "Current" };
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

/** What is of the same group and version as the list goes without saying, but for custom resources. */
const ownVersionOf = (info: ResourceInfo): { readonly group: string; readonly version: string } =>
  info.custom === undefined ? { group: "", version: "" } : info;

function resourceOf(info: ResourceInfo): ResourceDiscovery {
  const { group, version } = ownVersionOf(info);
  const responseKind = { group, version, kind: info.kind };
  const parts = partsOf(info);
  return {
    resource: info.resource,
    responseKind,
    scope: info.namespaced ? "Namespaced" : "Cluster",
    singularResource: info.singular,
    verbs: info.verbs,
    ...(info.shortNames.length > 0 ? { shortNames: info.shortNames } : {}),
    ...(info.categories.length > 0 ? { categories: info.categories } : {}),
    ...(parts.length > 0 ? { subresources: parts.map((part) => subresourceOf(info, part)) } : {}),
  };
}

function subresourceOf(info: ResourceInfo, part: SubresourceInfo): SubresourceDiscovery {
  const isOwn = part.kind === undefined || formatApiVersion(part.kind) === formatApiVersion(info);
  const { group, version } = isOwn ? ownVersionOf(info) : (part.kind ?? info);
  return {
    subresource: part.name,
    responseKind: { group, version, kind: kindOf(info, part) },
    verbs: verbsOf(part),
  };
}
