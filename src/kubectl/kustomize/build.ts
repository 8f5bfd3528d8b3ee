import { statSync } from "node:fs";
import { resolve } from "node:path";
import { formatApiVersion, parseApiVersion } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { contentHash } from "../content-hash.ts";
import { KubectlError, plainText } from "../errors.ts";
import { readManifests } from "../manifests.ts";
import { generate } from "./generate.ts";
import { type Kustomization, readKustomization } from "./kustomization.ts";
import { applyLatePatches, applyPatches } from "./patch.ts";
import { fixReferences } from "./references.ts";
import type { KustomizeResource } from "./resource.ts";
import { transform, transformLate } from "./transform.ts";

/**
 * Builds a folder with a kustomization: its objects, layer by layer from the innermost, in the order in which they can be
 * applied. Throws KubectlError for what is wrong, and for what this client does not build.
 */
export function buildKustomization(folder: string, warn: (text: string) => void): UnstructuredObject[] {
  if (/^(?:https?|ssh|git)(?:::|:\/\/)|^github\.com\//.test(folder)) {
    throw new KubectlError(`${JSON.stringify(folder)}: remote kustomizations are not fetched by this client`);
  }
  const resources: KustomizeResource[] = [];
  addLayer(folder, resources, [], warn);
  for (const resource of resources) {
    if (!resource.needsHash) continue;
    const { metadata } = resource.object;
    const name = metadata.name ?? "";
    resource.formerNames.push(name);
    resource.object.metadata = { ...metadata, name: `${name}-${contentHash(resource.object, "")}` };
  }
  fixReferences(resources);
  return resources.map(({ object }) => object).toSorted(byOrder);
}

function addLayer(
  folder: string,
  resources: KustomizeResource[],
  above: readonly string[],
  warn: (text: string) => void,
): void {
  const kustomization = readKustomization(folder, warn);
  if (above.includes(kustomization.folder)) {
    throw new KubectlError(`cycle detected: candidate root '${kustomization.folder}' contains visited root`);
  }
  const path = [...above, kustomization.folder];
  // A component changes what was there before it; a base only what is its own.
  const own: KustomizeResource[] = kustomization.isComponent ? resources : [];
  for (const entry of [...kustomization.lists.resources, ...kustomization.lists.bases]) {
    addResource(kustomization, String(entry), own, path, warn);
  }
  generate(kustomization, own);
  for (const entry of kustomization.lists.components) {
    addLayer(resolve(kustomization.folder, String(entry)), own, path, warn);
  }
  applyPatches(kustomization, own);
  transform(kustomization, own);
  applyLatePatches(kustomization, own);
  transformLate(kustomization, own);
  if (kustomization.isComponent) return;
  for (const resource of own) addUnique(resources, resource);
}

function addResource(
  kustomization: Kustomization,
  entry: string,
  resources: KustomizeResource[],
  path: readonly string[],
  warn: (text: string) => void,
): void {
  if (/^(?:https?|ssh):\/\/|^git@|^github\.com\//.test(entry)) {
    throw new KubectlError(`the resource ${JSON.stringify(entry)} is not fetched by this client`);
  }
  const file = resolve(kustomization.folder, entry);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new KubectlError(
      `accumulating resources: accumulation err='accumulating resources from '${entry}': evalsymlink failure on '${file}' : lstat ${file}: no such file or directory': must build at directory: not a valid directory: evalsymlink failure on '${file}' : lstat ${file}: no such file or directory`,
    );
  }
  if (stat.isDirectory()) {
    addLayer(file, resources, path, warn);
    return;
  }
  if (!file.startsWith(`${kustomization.folder}/`)) {
    throw new KubectlError(
      `accumulating resources: accumulation err='accumulating resources from '${entry}': security; file '${file}' is not in or below '${kustomization.folder}'': must build at directory: '${file}': file is not directory`,
    );
  }
  let manifests: ReturnType<typeof readManifests>;
  try {
    manifests = readManifests([file]);
  } catch (error) {
    throw new KubectlError(plainText(error), { cause: error });
  }
  for (const { object } of manifests) {
    addUnique(resources, {
      object: structuredClone(object),
      formerNames: [],
      needsHash: false,
      layers: [],
      references: [],
    });
  }
}

function addUnique(resources: KustomizeResource[], resource: KustomizeResource): void {
  const id = idOf(resource.object);
  if (resources.some(({ object }) => idOf(object) === id)) {
    throw new KubectlError(`may not add resource with an already registered id: ${id}`);
  }
  resources.push(resource);
}

function idOf({ apiVersion, kind, metadata }: UnstructuredObject): string {
  const { group, version } = parseApiVersion(apiVersion);
  return `${kind}.${version}.${group === "" ? "[noGrp]" : group}/${metadata.name ?? ""}.${metadata.namespace ?? "[noNs]"}`;
}

const first = [
  "Namespace",
  "ResourceQuota",
  "StorageClass",
  "CustomResourceDefinition",
  "ServiceAccount",
  "PodSecurityPolicy",
  "Role",
  "ClusterRole",
  "RoleBinding",
  "ClusterRoleBinding",
  "ConfigMap",
  "Secret",
  "Endpoints",
  "Service",
  "LimitRange",
  "PriorityClass",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "Deployment",
  "StatefulSet",
  "CronJob",
  "PodDisruptionBudget",
];
const last = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/** What others need comes before them. (kustomize/api/resmap: the legacy order, which kubectl uses.) */
function byOrder(a: UnstructuredObject, b: UnstructuredObject): number {
  return placeOf(a) - placeOf(b) || (sortKey(a) < sortKey(b) ? -1 : 1);
}

function placeOf({ kind }: UnstructuredObject): number {
  const at = first.indexOf(kind);
  return at >= 0 ? at : last.includes(kind) ? 1000 + last.indexOf(kind) : 500;
}

function sortKey({ apiVersion, kind, metadata }: UnstructuredObject): string {
  const { group, version } = parseApiVersion(apiVersion);
  return [kind, formatApiVersion({ group, version }), metadata.namespace ?? "", metadata.name ?? ""].join(
    "\0",
  );
}
