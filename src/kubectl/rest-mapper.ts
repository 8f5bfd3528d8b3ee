import { formatApiVersion, parseApiVersion } from "../apimachinery/gvk.ts";
import type { APIGroupList, APIResource, APIResourceList } from "../apimachinery/meta-v1.ts";
import type { Transport } from "../apimachinery/transport.ts";
import type { ResourceReference } from "../client/client.ts";

/** A served resource, as discovery tells of it. */
export interface MappedResource extends ResourceReference {
  readonly singularName: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
}

/**
 * From what people type (`po`, `deployment`, `deployments.apps`) and what manifests say (apiVersion and kind) to resources.
 * Discovery is read once, when first asked.
 */
export class RestMapper {
  readonly #transport: Transport;
  #resources: Promise<readonly MappedResource[]> | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All resources of the preferred version of each group, core first. */
  all(): Promise<readonly MappedResource[]> {
    this.#resources ??= this.#discover();
    return this.#resources;
  }

  /** The resource of a kind, in exactly this version; undefined when it is not served. */
  async forKind(apiVersion: string, kind: string): Promise<MappedResource | undefined> {
    const known = (await this.all()).find(
      (resource) => resource.kind === kind && formatApiVersion(resource) === apiVersion,
    );
    if (known !== undefined) return known;
    const { group } = parseApiVersion(apiVersion);
    const path = group === "" ? `/api/${apiVersion}` : `/apis/${apiVersion}`;
    const list = await this.#list(path).catch(() => undefined);
    return list?.find((resource) => resource.kind === kind);
  }

  /** By plural, singular, short name or kind, with an optional `.group` or `.version.group`. */
  async forName(name: string): Promise<MappedResource | undefined> {
    const [first = "", ...rest] = name.toLowerCase().split(".");
    const group = rest.join(".");
    const resources = await this.all();
    const matches = resources.filter(
      (resource) =>
        (rest.length === 0 ||
          resource.group === group ||
          `${resource.version}.${resource.group}` === group) &&
        (resource.resource === first ||
          resource.singularName === first ||
          resource.kind.toLowerCase() === first),
    );
    if (matches[0] !== undefined) return matches[0];
    return resources.find((resource) => rest.length === 0 && resource.shortNames.includes(first));
  }

  /** Resources of a category: `all`. */
  async forCategory(category: string): Promise<MappedResource[]> {
    return (await this.all()).filter((resource) => resource.categories.includes(category));
  }

  async #discover(): Promise<MappedResource[]> {
    const groups = (await this.#transport.request({ method: "GET", path: "/apis" })).body as APIGroupList;
    const paths = [
      "/api/v1",
      ...groups.groups.map((group) => `/apis/${(group.preferredVersion ?? group.versions[0])?.groupVersion}`),
    ];
    return (await Promise.all(paths.map((path) => this.#list(path)))).flat();
  }

  async #list(path: string): Promise<MappedResource[]> {
    const list = (await this.#transport.request({ method: "GET", path })).body as APIResourceList;
    const groupVersion = parseApiVersion(list.groupVersion);
    return list.resources
      .filter(({ name }) => !name.includes("/"))
      .map((resource) => mapped(groupVersion, resource));
  }
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
