import { inspect } from "node:util";
import { isObject } from "../../apimachinery/json.ts";
import type { KubernetesObject, UnstructuredObject } from "../../apimachinery/object.ts";
import { documentsOf, ManifestError } from "../../kubectl/manifests.ts";

/** YAML or JSON text (of several documents, if need be), objects, or lists of both. */
export type Manifests = Manifest | readonly Manifest[];

type Manifest = string | KubernetesObject | UnstructuredObject;

/**
 * The objects of text and of lists, one after the other; what Kubernetes calls a list (`kind: List`, `PodList`) is taken
 * apart. Throws TypeError for what is neither text nor object, ManifestError for what cannot be read as objects.
 */
export function objectsOf(manifests: Manifests): UnstructuredObject[] {
  if (typeof manifests === "string")
    return documentsOf(manifests, "the manifests").flatMap((each) => objectsIn(each));
  if (isList(manifests)) return manifests.flatMap(objectsOf);
  if (isObject(manifests)) return objectsIn(manifests);
  throw new TypeError(
    `a manifest is text or an object, not ${manifests === null ? "null" : typeof manifests}`,
  );
}

const isList = (manifests: Manifests): manifests is readonly Manifest[] => Array.isArray(manifests);

interface Typed {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
}

/** Of a document; `typed` says what it is where it does not say so itself, as the items of lists that a server answers. */
function objectsIn(document: unknown, typed: Typed = {}): UnstructuredObject[] {
  if (!isObject(document)) {
    throw new ManifestError(
      `${shown(document)} is no manifest: manifests are given as text or as objects; those of a file with readFileSync(FILE, "utf8")`,
    );
  }
  const { apiVersion = typed.apiVersion, kind = typed.kind, metadata, items } = document;
  for (const [field, value] of Object.entries({ apiVersion, kind })) {
    if (typeof value === "string" && value !== "") continue;
    throw new ManifestError(`a manifest does not say its ${field}: ${shown(document)}`);
  }
  const name = String(kind);
  if (Array.isArray(items) && name.endsWith("List")) {
    const ofItems = name === "List" ? {} : { apiVersion, kind: name.slice(0, -"List".length) };
    return items.flatMap((item: unknown) => objectsIn(item, ofItems));
  }
  return [
    {
      ...document,
      apiVersion: String(apiVersion),
      kind: name,
      metadata: isObject(metadata) ? { ...metadata } : {},
    },
  ];
}

const shown = (value: unknown): string =>
  inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 60 });
