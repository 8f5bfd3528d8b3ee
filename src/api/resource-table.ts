import { type GroupVersion, type GroupVersionKind, parseApiVersion } from "../apimachinery/gvk.ts";
import { resourceTable } from "./generated/resources.ts";
import type { ResourceInfo, SubresourceInfo } from "./scheme.ts";

export interface ResourceTableOptions {
  /** Beta versions, which Kubernetes leaves off unless asked for. */
  readonly betas?: boolean;
}

/** The built-in resources in the order of discovery. */
export function builtinResources(options: ResourceTableOptions = {}): ResourceInfo[] {
  return resourceTable
    .split("\n")
    .map(parseResource)
    .filter((resource) => isServed(resource, options));
}

const isServed = ({ version }: GroupVersion, { betas = false }: ResourceTableOptions): boolean =>
  betas || !version.includes("beta");

function parseResource(line: string): ResourceInfo {
  const [
    apiVersion = "",
    resource = "",
    kind = "",
    scope,
    verbs = "",
    subresources = "",
    shortNames = "",
    categories = "",
    storage = "",
    schemaName = "",
  ] = line.split("\t");
  return {
    ...parseApiVersion(apiVersion),
    kind,
    resource,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    shortNames: list(shortNames),
    categories: list(categories),
    namespaced: scope === "N",
    verbs: list(verbs),
    subresources: subresources === "" ? [] : subresources.split(" ").map(parseSubresource),
    schemaName,
    storage: { ...parseApiVersion(storage), resource },
  };
}

const list = (text: string): string[] => (text === "" ? [] : text.split(","));

/** `scale(get,patch,update)autoscaling/v1/Scale`. */
function parseSubresource(text: string): SubresourceInfo {
  const open = text.indexOf("(");
  const close = text.indexOf(")");
  const kind = text.slice(close + 1);
  return {
    name: text.slice(0, open),
    verbs: list(text.slice(open + 1, close)),
    ...(kind !== "" && { kind: parseKind(kind) }),
  };
}

function parseKind(text: string): GroupVersionKind {
  const slash = text.lastIndexOf("/");
  return { ...parseApiVersion(text.slice(0, slash)), kind: text.slice(slash + 1) };
}
