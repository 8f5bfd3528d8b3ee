import { formatApiVersion, formatGroupResource, parseApiVersion } from "../apimachinery/gvk.ts";
import { isObject } from "../apimachinery/json.ts";
import type { APIGroupList, APIResource, APIResourceList } from "../apimachinery/meta-v1.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { Transport } from "../apimachinery/transport.ts";
import type { ResourceReference } from "../client/client.ts";

/** A served resource, as discovery tells of it. */
export interface MappedResource extends ResourceReference {
  readonly singularName: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
}

interface ServedVersion {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly MappedResource[];
}

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/**
 * From what people type (`po`, `deployment`, `deployments.apps`) and what manifests say (apiVersion and kind) to resources.
 * Discovery is read once, when first asked.
 */
export class RestMapper {
  readonly #transport: Transport;
  #versions: Promise<readonly ServedVersion[]> | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All resources of the preferred version of each group, core first. */
  async all(): Promise<readonly MappedResource[]> {
    const seen = new Set<string>();
    const preferred: MappedResource[] = [];
    // A resource that only an older version of its group has is taken from there.
    for (const { resources } of await this.#served()) {
      for (const resource of resources) {
        const name = formatGroupResource(resource);
        if (!seen.has(name)) preferred.push(resource);
        seen.add(name);
      }
    }
    return preferred;
  }

  /** The resource of a kind, in exactly this version; undefined when it is not served. */
  async forKind(apiVersion: string, kind: string): Promise<MappedResource | undefined> {
    return (await this.#served())
      .find((served) => formatApiVersion(served) === apiVersion)
      ?.resources.find((resource) => resource.kind === kind);
  }

  /** By plural, singular, short name or kind, with an optional `.group` or `.version.group`. */
  async forName(name: string): Promise<MappedResource | undefined> {
    const [first = "", ...rest] = name.toLowerCase().split(".");
    const group = rest.join(".");
    const candidates = rest.length === 0 ? await this.all() : await this.#ofGroup(group, rest);
    const named = (resource: MappedResource): boolean =>
      resource.resource === first || resource.singularName === first || resource.kind.toLowerCase() === first;
    return candidates.find(named) ?? candidates.find((resource) => resource.shortNames.includes(first));
  }

  /** The other resources that share a short name with the one it leads to. */
  async shadowed(name: string): Promise<readonly MappedResource[]> {
    const found = await this.forName(name);
    if (found === undefined || !found.shortNames.includes(name)) return [];
    return (await this.all()).filter((other) => other !== found && other.shortNames.includes(name));
  }

  /** Resources of a category: `all`. */
  async forCategory(category: string): Promise<MappedResource[]> {
    return (await this.all()).filter((resource) => resource.categories.includes(category));
  }

  /** Forgets what was read: after a definition of new kinds was applied. */
  reset(): void {
    this.#versions = undefined;
  }

  /** `group` may be a group, a prefix of one, `version.group`, or for the core group `version.`. */
  async #ofGroup(group: string, [version = "", ...rest]: readonly string[]): Promise<MappedResource[]> {
    const served = await this.#served();
    const exact = served.filter((entry) => entry.version === version && entry.group === rest.join("."));
    if (exact.length > 0) return exact.flatMap(({ resources }) => resources);
    const all = await this.all();
    const same = all.filter((resource) => resource.group === group);
    return same.length > 0 ? same : all.filter((resource) => resource.group.startsWith(`${group}.`));
  }

  #served(): Promise<readonly ServedVersion[]> {
    this.#versions ??= this.#discover();
    return this.#versions;
  }

  async #discover(): Promise<readonly ServedVersion[]> {
    const [core, groups] = await Promise.all(
      ["/api", "/apis"].map((path) =>
        this.#read(path, aggregated).catch((error: unknown) => {
          if (isNotFound(error)) return undefined;
          throw error;
        }),
      ),
    );
    if (
      isObject(core) &&
      isObject(groups) &&
      Array.isArray(core["items"]) &&
      Array.isArray(groups["items"])
    ) {
      return [...core["items"], ...groups["items"]].flatMap(versionsOfDiscovery);
    }
    return await this.#discoverEach(groups as APIGroupList | undefined);
  }

  /** For servers that do not aggregate their discovery documents. */
  async #discoverEach(list: APIGroupList | undefined): Promise<readonly ServedVersion[]> {
    const paths = [
      "/api/v1",
      ...(list?.groups ?? []).flatMap((group) => {
        const preferred = group.preferredVersion?.groupVersion;
        const versions = group.versions.map(({ groupVersion }) => groupVersion);
        return [...new Set([...(preferred === undefined ? [] : [preferred]), ...versions])].map(
          (v) => `/apis/${v}`,
        );
      }),
    ];
    return (await Promise.all(paths.map((path) => this.#list(path)))).flat();
  }

  async #list(path: string): Promise<ServedVersion[]> {
    const list = (await this.#read(path).catch(() => undefined)) as APIResourceList | undefined;
    if (list === undefined) return [];
    const { group, version } = parseApiVersion(list.groupVersion);
    const resources = list.resources
      .filter(({ name }) => !name.includes("/"))
      .map((resource) => mapped({ group, version }, resource));
    return [{ group, version, resources }];
  }

  async #read(path: string, accept?: string): Promise<unknown> {
    const request = { method: "GET" as const, path, ...(accept === undefined ? {} : { accept }) };
    return (await this.#transport.request(request)).body;
  }
}

interface DiscoveredResource {
  readonly resource: string;
  readonly responseKind?: { readonly kind?: string };
  readonly scope: string;
  readonly singularResource?: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

function versionsOfDiscovery(item: unknown): ServedVersion[] {
  const { metadata, versions = [] } = item as {
    metadata?: { name?: string };
    versions?: { version: string; resources?: DiscoveredResource[] }[];
  };
  const group = metadata?.name ?? "";
  return versions.map(({ version, resources = [] }) => ({
    group,
    version,
    resources: resources.map((resource) => ({
      group,
      version,
      resource: resource.resource,
      kind: resource.responseKind?.kind ?? "",
      namespaced: resource.scope === "Namespaced",
      singularName: resource.singularResource ?? "",
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      verbs: resource.verbs,
    })),
  }));
}

function mapped(
  { group, version }: { group: string; version: string },
  resource: APIResource,
): MappedResource {
  return {
    group,
    version,
    resource: resource.name,
    kind: resource.kind,
    namespaced: resource.namespaced,
    singularName: resource.singularName,
    shortNames: resource.shortNames ?? [],
    categories: resource.categories ?? [],
    verbs: resource.verbs,
  };
}
