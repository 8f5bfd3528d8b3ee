import { isObject } from "../../../apimachinery/json.ts";

/** A version as aggregated discovery shows it (apidiscovery.k8s.io/v2). */
export interface VersionDiscovery {
  readonly version: string;
  readonly resources?: readonly ResourceDiscovery[];
  readonly freshness: "Current" | "Stale";
}

interface Discovered {
  readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs?: readonly string[];
}

export interface ResourceDiscovery extends Discovered {
  readonly resource: string;
  readonly scope?: string;
  readonly singularResource?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly SubresourceDiscovery[];
}

export interface SubresourceDiscovery extends Discovered {
  readonly subresource: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** `GROUP/VERSION` → its resources, from a list of another server. What is not of the form is left out, not believed. */
export function versionsIn(list: unknown): Map<string, readonly ResourceDiscovery[]> {
  const found = new Map<string, readonly ResourceDiscovery[]>();
  for (const group of objectsIn(list, "items")) {
    const { name } = fieldsOf(group["metadata"]);
    for (const version of objectsIn(group, "versions")) {
      found.set(`${text(name)}/${text(version["version"])}`, objectsIn(version, "resources").map(resourceOf));
    }
  }
  return found;
}

function resourceOf(resource: Fields): ResourceDiscovery {
  const subresources = objectsIn(resource, "subresources").map((each) => ({
    subresource: text(each["subresource"]),
    ...discoveredOf(each),
  }));
  return {
    resource: text(resource["resource"]),
    scope: text(resource["scope"]),
    singularResource: text(resource["singularResource"]),
    ...discoveredOf(resource),
    ...namesOf(resource),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}

/** Old clients stumble over a missing kind. */
function discoveredOf(fields: Fields): Discovered {
  return { responseKind: kindOf(fieldsOf(fields["responseKind"])), verbs: texts(fields["verbs"]) };
}

const kindOf = ({ group, version, kind }: Fields): Discovered["responseKind"] => ({
  group: text(group),
  version: text(version),
  kind: text(kind),
});

function namesOf({ shortNames, categories }: Fields): { shortNames?: string[]; categories?: string[] } {
  const [short, many] = [texts(shortNames), texts(categories)];
  return {
    ...(short.length === 0 ? {} : { shortNames: short }),
    ...(many.length === 0 ? {} : { categories: many }),
  };
}

/**
 * The same from the list of resources that servers have spoken since ever. Throws where a subresource is of another scope
 * than its resource (mirrors ConvertGroupVersionIntoToDiscovery of k8s.io/apiserver).
 */
export function resourcesIn(list: unknown): readonly ResourceDiscovery[] {
  const found = new Map<string, ResourceDiscovery & { subresources?: SubresourceDiscovery[] }>();
  const all = objectsIn(list, "resources").map((each) => ({ ...each, path: text(each["name"]).split("/") }));
  for (const { path, ...each } of all) {
    const [resource = ""] = path;
    if (path.length > 1) continue;
    found.set(resource, {
      resource,
      responseKind: kindOf(each),
      scope: scopeOf(each),
      singularResource: text(fieldsOf(each)["singularName"]),
      verbs: texts(fieldsOf(each)["verbs"]),
      ...namesOf(each),
    });
  }
  for (const { path, ...each } of all) {
    const [resource = "", ...rest] = path;
    if (rest.length === 0) continue;
    const subresource = rest.join("/");
    const parent = found.get(resource) ?? { resource, scope: scopeOf(each), responseKind: kindOf({}) };
    found.set(resource, parent);
    if (parent.scope !== scopeOf(each)) throw new Error(otherScope(parent, subresource, scopeOf(each)));
    const added = { subresource, responseKind: kindOf(each), verbs: texts(fieldsOf(each)["verbs"]) };
    parent.subresources = [...(parent.subresources ?? []), added];
  }
  return [...found.values()];
}

const otherScope = ({ resource, scope }: ResourceDiscovery, name: string, other: string): string =>
  `Error: Parent ${resource} (scope: ${scope}) and subresource ${name} (scope: ${other}) scope do not match`;

const scopeOf = (fields: Fields): string => (fields["namespaced"] === true ? "Namespaced" : "Cluster");

const fieldsOf = (value: unknown): Fields => (isObject(value) ? value : {});
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];

function objectsIn(value: unknown, member: string): Fields[] {
  const list = fieldsOf(value)[member];
  return Array.isArray(list) ? list.filter(isObject) : [];
}
