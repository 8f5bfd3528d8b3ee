import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import { parseLabelSelector } from "../../apimachinery/labels.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { applyJsonPatch } from "../../apimachinery/patch/json-patch.ts";
import { lookupPatchMetadata, type Typed } from "../../apimachinery/patch/strategic-metadata.ts";
import { parseYamlDocuments } from "../../apimachinery/yaml.ts";
import { KubectlError, plainText } from "../errors.ts";
import type { Kustomization } from "./kustomization.ts";
import type { JsonMap, KustomizeResource } from "./resource.ts";

/** Applies `patches` and their older forms. A patch may take its object away. */
export function applyPatches(kustomization: Kustomization, resources: KustomizeResource[]): void {
  const { lists } = kustomization;
  for (const entry of lists.patchesStrategicMerge) {
    const text =
      typeof entry !== "string" ? "" : entry.includes("\n") ? entry : readText(kustomization, entry);
    for (const patch of documents(text)) applyMerge(patch, resources, undefined);
  }
  for (const entry of lists.patches) if (isObject(entry)) applyEntry(kustomization, entry, resources);
}

/** The older form of patches with operations: they come after names and labels have changed. */
export function applyLatePatches(kustomization: Kustomization, resources: KustomizeResource[]): void {
  for (const entry of kustomization.lists.patchesJson6902) {
    if (isObject(entry)) applyEntry(kustomization, entry, resources);
  }
}

function applyEntry(kustomization: Kustomization, entry: JsonMap, resources: KustomizeResource[]): void {
  const inline = entry["patch"];
  const path = entry["path"];
  const text =
    typeof inline === "string" && inline !== ""
      ? inline
      : readText(kustomization, typeof path === "string" ? path : "");
  const target = isObject(entry["target"]) ? entry["target"] : undefined;
  for (const patch of documents(text)) {
    if (Array.isArray(patch)) applyOperations(patch, resources, target, text);
    else applyMerge(patch, resources, target);
  }
}

function readText({ folder }: Kustomization, path: string): string {
  try {
    return readFileSync(join(folder, path), "utf8");
  } catch (error) {
    throw new KubectlError(
      `failed to get the patch file from path(${path}): evalsymlink failure on '${join(folder, path)}' : lstat ${join(folder, path)}: no such file or directory`,
      { cause: error },
    );
  }
}

const documents = (text: string): unknown[] =>
  parseYamlDocuments(text).filter((document) => document !== null && document !== undefined);

function applyOperations(
  patch: readonly unknown[],
  resources: readonly KustomizeResource[],
  target: JsonMap | undefined,
  text: string,
): void {
  if (target === undefined) throw new KubectlError(`must specify a target for JSON patch ${text}`);
  for (const resource of selected(resources, target)) {
    try {
      resource.object = applyJsonPatch(resource.object, patch) as UnstructuredObject;
    } catch (error) {
      throw new KubectlError(plainText(error), { cause: error });
    }
  }
}

function applyMerge(patch: unknown, resources: KustomizeResource[], target: JsonMap | undefined): void {
  if (!isObject(patch)) throw new KubectlError("unable to parse SM or JSON patch from the patch");
  const metadata = isObject(patch["metadata"]) ? patch["metadata"] : {};
  const found =
    target === undefined
      ? resources.filter(
          ({ object, formerNames }) =>
            object.kind === patch["kind"] &&
            parseApiVersion(object.apiVersion).group === parseApiVersion(String(patch["apiVersion"])).group &&
            [object.metadata.name, ...formerNames].includes(metadata["name"] as string) &&
            (metadata["namespace"] === undefined || metadata["namespace"] === object.metadata.namespace),
        )
      : selected(resources, target);
  if (found.length === 0 && target === undefined) {
    const { group, version } = parseApiVersion(String(patch["apiVersion"]));
    const id = `${String(patch["kind"])}.${version}.${group === "" ? "[noGrp]" : group}/${String(metadata["name"])}.${typeof metadata["namespace"] === "string" ? metadata["namespace"] : "[noNs]"}`;
    throw new KubectlError(
      `no resource matches strategic merge patch ${JSON.stringify(id)}: no matches for Id ${id}; failed to find unique target for patch ${id}`,
    );
  }
  for (const resource of found) {
    if (patch["$patch"] === "delete") {
      resources.splice(resources.indexOf(resource), 1);
      continue;
    }
    const { kind, apiVersion, metadata: ownMetadata } = resource.object;
    const merged = mergeMaps(resource.object, patch, typeOf(resource.object)) as UnstructuredObject;
    // A patch changes no identity.
    const { name, namespace } = ownMetadata;
    resource.object = {
      ...merged,
      kind,
      apiVersion,
      metadata: {
        ...merged.metadata,
        ...(name === undefined ? {} : { name }),
        ...(namespace === undefined ? {} : { namespace }),
      },
    };
  }
}

/** Target fields are regular expressions that must match as a whole, and selectors. */
function selected(resources: readonly KustomizeResource[], target: JsonMap): KustomizeResource[] {
  const text = (field: string): string => {
    const value = target[field];
    return typeof value === "string" ? value : "";
  };
  const matches = (field: string, ...values: readonly string[]): boolean => {
    const pattern = text(field);
    return pattern === "" || values.some((value) => new RegExp(`^(?:${pattern})$`).test(value));
  };
  return resources.filter(({ object, formerNames }) => {
    const { group, version } = parseApiVersion(object.apiVersion);
    const { name = "", namespace = "", labels = {}, annotations = {} } = object.metadata;
    return (
      matches("group", group) &&
      matches("version", version) &&
      matches("kind", object.kind) &&
      matches("name", name, ...formerNames) &&
      matches("namespace", namespace) &&
      parseLabelSelector(text("labelSelector")).matches(labels) &&
      parseLabelSelector(text("annotationSelector")).matches(annotations)
    );
  });
}

function typeOf({ apiVersion, kind }: UnstructuredObject): Typed {
  const scheme = builtinScheme();
  const info = scheme.resourceForKind({ ...parseApiVersion(apiVersion), kind });
  return {
    schema: info === undefined ? undefined : scheme.schemas.get(info.schemaName),
    schemas: scheme.schemas,
  };
}

/** As the API server's strategic merge, but that new items come before those that were there. */
function mergeMaps(original: JsonMap, patch: JsonMap, type: Typed): JsonMap {
  const { $patch: directive, ...fields } = patch;
  if (directive === "replace") return fields;
  const result: JsonMap = { ...original };
  for (const [key, value] of Object.entries(fields)) {
    const metadata = lookupPatchMetadata(type, key);
    const before = result[key];
    if (value === null || (isObject(value) && value["$patch"] === "delete")) delete result[key];
    else if (isObject(value)) {
      result[key] = mergeMaps(isObject(before) ? before : {}, value, metadata.type);
    } else if (Array.isArray(value) && Array.isArray(before) && metadata.merges) {
      result[key] =
        metadata.mergeKey === ""
          ? [...before, ...value.filter((item: unknown) => !before.includes(item))]
          : mergeLists(before, value, metadata.mergeKey, metadata.itemType);
    } else if (Array.isArray(value)) {
      result[key] = value.filter((item) => !isObject(item) || item["$patch"] === undefined);
    } else result[key] = value;
  }
  return result;
}

function mergeLists(
  original: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
  type: Typed,
): unknown[] {
  if (patch.some((item) => isObject(item) && item["$patch"] === "replace")) {
    return patch.filter((item) => !isObject(item) || item["$patch"] !== "replace");
  }
  const result: unknown[] = [...original];
  const added: unknown[] = [];
  for (const item of patch) {
    if (!isObject(item)) continue;
    const at = result.findIndex((known) => isObject(known) && known[mergeKey] === item[mergeKey]);
    const known = result[at];
    if (item["$patch"] === "delete") {
      if (at >= 0) result.splice(at, 1);
    } else if (isObject(known)) result[at] = mergeMaps(known, item, type);
    else added.push(mergeMaps({}, item, type));
  }
  return [...added, ...result];
}
