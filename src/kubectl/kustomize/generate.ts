import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isUtf8, parseLiteral, readEnvironment } from "../create/key-values.ts";
import { KubectlError } from "../errors.ts";
import type { Kustomization } from "./kustomization.ts";
import type { JsonMap, KustomizeResource } from "./resource.ts";

/** Adds what configMapGenerator and secretGenerator make to the resources: new, merged into, or instead of one. */
export function generate(kustomization: Kustomization, resources: KustomizeResource[]): void {
  for (const [kind, field] of [
    ["ConfigMap", "configMapGenerator"],
    ["Secret", "secretGenerator"],
  ] as const) {
    for (const generator of kustomization.lists[field]) {
      if (isObject(generator)) addGenerated(kustomization, resources, kind, generator);
    }
  }
}

function addGenerated(
  kustomization: Kustomization,
  resources: KustomizeResource[],
  kind: string,
  generator: JsonMap,
): void {
  const options = {
    ...kustomization.generatorOptions,
    ...(isObject(generator["options"]) ? generator["options"] : {}),
  };
  const object = generated(kustomization, kind, generator, options);
  const name = object.metadata.name ?? "";
  const behavior = typeof generator["behavior"] === "string" ? generator["behavior"] : "create";
  const existing = resources.find(
    (resource) =>
      resource.object.kind === kind &&
      [resource.object.metadata.name, ...resource.formerNames].includes(name) &&
      (object.metadata.namespace === undefined ||
        object.metadata.namespace === resource.object.metadata.namespace),
  );
  const shown = `${kind}.v1.[noGrp]/${name}.${object.metadata.namespace ?? "[noNs]"}`;
  if (behavior === "create" || behavior === "" || behavior === "unspecified") {
    if (existing !== undefined)
      throw new KubectlError(`may not add resource with an already registered id: ${shown}`);
    const needsHash = options["disableNameSuffixHash"] !== true;
    resources.push({ object, formerNames: [], needsHash, layers: [], references: [] });
    return;
  }
  if (existing === undefined) {
    throw new KubectlError(
      `id resid.ResId{Gvk:{Version:"v1", Kind:${JSON.stringify(kind)}}, Name:${JSON.stringify(name)}} does not exist; cannot merge or replace`,
    );
  }
  const merges = behavior === "merge";
  const before = existing.object;
  const merged = (field: string): JsonMap => ({
    ...(merges && isObject(before[field]) ? before[field] : {}),
    ...(isObject(object[field]) ? object[field] : {}),
  });
  const next: UnstructuredObject = {
    ...before,
    ...(object["type"] === undefined ? {} : { type: object["type"] }),
    metadata: {
      ...before.metadata,
      ...mergedMaps("labels", before, object),
      ...mergedMaps("annotations", before, object),
    },
  };
  for (const field of ["data", "binaryData"]) {
    const values = merged(field);
    if (Object.keys(values).length > 0) next[field] = values;
    else delete next[field];
  }
  existing.object = next;
}

function mergedMaps(field: "labels" | "annotations", a: UnstructuredObject, b: UnstructuredObject): JsonMap {
  const both = { ...a.metadata[field], ...b.metadata[field] };
  return Object.keys(both).length === 0 ? {} : { [field]: both };
}

function generated(
  { folder }: Kustomization,
  kind: string,
  generator: JsonMap,
  options: JsonMap,
): UnstructuredObject {
  const name = typeof generator["name"] === "string" ? generator["name"] : "";
  const namespace = typeof generator["namespace"] === "string" ? generator["namespace"] : undefined;
  const values = new Map<string, Buffer>();
  const add = (key: string, value: Buffer): void => {
    if (values.has(key)) {
      throw new KubectlError(
        `cannot add key ${JSON.stringify(key)}, another key by that name already exists`,
      );
    }
    values.set(key, value);
  };
  for (const file of textsOf(
    generator["envs"] ?? (generator["env"] === undefined ? [] : [generator["env"]]),
  )) {
    for (const [key, value] of readEnvironment(join(folder, file))) add(key, Buffer.from(value));
  }
  for (const source of textsOf(generator["files"])) {
    const equals = source.indexOf("=");
    const path = equals < 0 ? source : source.slice(equals + 1);
    add(equals < 0 ? basename(path) : source.slice(0, equals), readSource(join(folder, path)));
  }
  for (const literal of textsOf(generator["literals"])) add(...parseLiteral(literal));
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(isObject(options["labels"]) ? { labels: { ...options["labels"] } as Record<string, string> } : {}),
    ...(isObject(options["annotations"])
      ? { annotations: { ...options["annotations"] } as Record<string, string> }
      : {}),
  };
  return {
    apiVersion: "v1",
    kind,
    metadata,
    ...dataOf(kind, values),
    ...(kind === "Secret"
      ? { type: typeof generator["type"] === "string" ? generator["type"] : "Opaque" }
      : {}),
    ...(options["immutable"] === true ? { immutable: true } : {}),
  };
}

function dataOf(kind: string, values: ReadonlyMap<string, Buffer>): JsonMap {
  const data: JsonMap = {};
  const binaryData: JsonMap = {};
  for (const [key, value] of values) {
    if (kind === "Secret") data[key] = value.toString("base64");
    else if (isUtf8(value)) data[key] = value.toString();
    else binaryData[key] = value.toString("base64");
  }
  return {
    ...(Object.keys(data).length === 0 ? {} : { data }),
    ...(Object.keys(binaryData).length === 0 ? {} : { binaryData }),
  };
}

function readSource(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new KubectlError(
      `loading KV pairs: file sources: evalsymlink failure on '${path}' : lstat ${path}: no such file or directory`,
      { cause: error },
    );
  }
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
