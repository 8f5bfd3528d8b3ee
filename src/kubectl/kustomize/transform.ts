import { builtinScheme } from "../../api/builtin-scheme.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { KubectlError } from "../errors.ts";
import { changeField, type FieldSpec, isOfKind } from "./configurations.ts";
import type { Kustomization } from "./kustomization.ts";
import {
  childMap,
  type JsonMap,
  type KustomizeResource,
  podSpecPath,
  templatePath,
  visitMaps,
} from "./resource.ts";

/** The changes of one layer that need no patch, in kustomize's order. Objects are the builder's own and changed in place. */
export function transform(kustomization: Kustomization, resources: readonly KustomizeResource[]): void {
  const { namespace, namePrefix, nameSuffix, lists } = kustomization;
  for (const resource of resources) {
    if (namespace !== "") setNamespace(resource, namespace);
    if (namePrefix !== "" || nameSuffix !== "") rename(resource, namePrefix, nameSuffix);
    for (const entry of lists.labels) if (isObject(entry)) addLabels(resource.object, entry);
    addCommonLabels(resource.object, kustomization.commonLabels);
    addAnnotations(resource.object, kustomization.commonAnnotations);
    configure(kustomization, resource);
  }
}

/** The fields that `configurations` names beside those that are built in. */
function configure(kustomization: Kustomization, { object, references }: KustomizeResource): void {
  const { configurations, namespace, namePrefix, nameSuffix, commonLabels, commonAnnotations } =
    kustomization;
  const each = (specs: readonly FieldSpec[], change: (value: unknown) => unknown): void => {
    for (const spec of specs) changeField(object, spec, change);
  };
  const isOwnName = ({ path }: FieldSpec): boolean => path === "metadata/name";
  if (namePrefix !== "")
    each(
      configurations.namePrefix.filter((spec) => !isOwnName(spec)),
      (value) => namePrefix + textOf(value),
    );
  if (nameSuffix !== "")
    each(
      configurations.nameSuffix.filter((spec) => !isOwnName(spec)),
      (value) => textOf(value) + nameSuffix,
    );
  if (namespace !== "") each(configurations.namespace, () => namespace);
  const add = (specs: readonly FieldSpec[], pairs: Readonly<Record<string, unknown>>): void => {
    if (Object.keys(pairs).length === 0) return;
    each(specs, (value) => (value === undefined || isObject(value) ? { ...value, ...pairs } : value));
  };
  add(configurations.commonLabels, commonLabels);
  add(configurations.commonAnnotations, commonAnnotations);
  for (const entry of kustomization.lists.labels) {
    const pairs = isObject(entry) ? entry["pairs"] : undefined;
    if (!isObject(entry) || !isObject(pairs)) continue;
    if (entry["includeSelectors"] === true) add(configurations.commonLabels, pairs);
    else add(configurations.labels, pairs);
    if (entry["includeTemplates"] === true) add(configurations.templateLabels, pairs);
  }
  references.push(...configurations.nameReference);
}

const textOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

/** Counts of replicas and images: after the older patches. */
export function transformLate(
  { lists, configurations }: Kustomization,
  resources: readonly KustomizeResource[],
): void {
  for (const entry of lists.replicas) {
    if (isObject(entry)) setReplicas(resources, entry, configurations.replicas);
  }
  for (const entry of lists.images) {
    if (!isObject(entry)) continue;
    for (const { object } of resources) {
      setImages(object, entry);
      for (const spec of configurations.images)
        changeField(object, spec, (value) =>
          typeof value === "string" ? changedImage(value, entry) : value,
        );
    }
  }
}

const mapOf = (object: UnstructuredObject): JsonMap => object;

/** Kinds of no known resource are taken to be in namespaces. */
function isNamespaced({ apiVersion, kind }: UnstructuredObject): boolean {
  return builtinScheme().resourceForKind({ ...parseApiVersion(apiVersion), kind })?.namespaced ?? true;
}

function setNamespace(resource: KustomizeResource, namespace: string): void {
  const { object } = resource;
  if (object.kind === "Namespace" && object.apiVersion === "v1") {
    resource.formerNames.push(object.metadata.name ?? "");
    object.metadata = { ...object.metadata, name: namespace };
    return;
  }
  if (isNamespaced(object)) object.metadata = { ...object.metadata, namespace };
  if (object.kind !== "RoleBinding" && object.kind !== "ClusterRoleBinding") return;
  visitMaps(object, "subjects[]", (subject) => {
    if (subject["kind"] === "ServiceAccount" && subject["name"] === "default")
      subject["namespace"] = namespace;
  });
}

const keepTheirNames = new Set(["CustomResourceDefinition", "APIService", "Namespace"]);

function rename(resource: KustomizeResource, prefix: string, suffix: string): void {
  const { object } = resource;
  resource.layers.push(`${prefix}/${suffix}`);
  if (keepTheirNames.has(object.kind)) return;
  const name = object.metadata.name ?? "";
  resource.formerNames.push(name);
  object.metadata = { ...object.metadata, name: `${prefix}${name}${suffix}` };
}

function addTo(
  object: UnstructuredObject,
  path: string,
  pairs: Readonly<Record<string, unknown>>,
  create: boolean,
): void {
  visitMaps(mapOf(object), path, (map) => Object.assign(map, pairs), create);
}

function addLabels(object: UnstructuredObject, entry: JsonMap): void {
  const pairs = isObject(entry["pairs"]) ? entry["pairs"] : {};
  if (entry["fields"] !== undefined) {
    throw new KubectlError(
      'the field "labels.fields" is not supported by this client: render with the kustomize program',
    );
  }
  if (entry["includeSelectors"] === true) {
    addCommonLabels(object, pairs);
    return;
  }
  addTo(object, "metadata/labels", pairs, true);
  if (entry["includeTemplates"] === true) addTemplateLabels(object, pairs);
}

function addTemplateLabels(object: UnstructuredObject, pairs: Readonly<Record<string, unknown>>): void {
  const template = templatePath(object.kind);
  if (template !== undefined) addTo(object, `${template}/metadata/labels`, pairs, true);
  if (object.kind === "CronJob") addTo(object, "spec/jobTemplate/metadata/labels", pairs, true);
  if (object.kind === "StatefulSet")
    addTo(object, "spec/volumeClaimTemplates[]/metadata/labels", pairs, true);
}

/** Where selectors are, and whether they are made where there are none. */
const selectorPaths: Readonly<Record<string, readonly (readonly [string, boolean])[]>> = {
  Service: [["spec/selector", true]],
  ReplicationController: [["spec/selector", true]],
  Deployment: [["spec/selector/matchLabels", true]],
  ReplicaSet: [["spec/selector/matchLabels", true]],
  DaemonSet: [["spec/selector/matchLabels", true]],
  StatefulSet: [["spec/selector/matchLabels", true]],
  Job: [["spec/selector/matchLabels", false]],
  CronJob: [["spec/jobTemplate/spec/selector/matchLabels", false]],
  PodDisruptionBudget: [["spec/selector/matchLabels", false]],
  NetworkPolicy: [
    ["spec/podSelector/matchLabels", false],
    ["spec/ingress[]/from[]/podSelector/matchLabels", false],
    ["spec/egress[]/to[]/podSelector/matchLabels", false],
  ],
};

const affinities = [
  "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution[]/podAffinityTerm/labelSelector/matchLabels",
  "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution[]/labelSelector/matchLabels",
  "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution[]/podAffinityTerm/labelSelector/matchLabels",
  "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution[]/labelSelector/matchLabels",
  "topologySpreadConstraints[]/labelSelector/matchLabels",
];

function addCommonLabels(object: UnstructuredObject, pairs: Readonly<Record<string, unknown>>): void {
  if (Object.keys(pairs).length === 0) return;
  addTo(object, "metadata/labels", pairs, true);
  addTemplateLabels(object, pairs);
  for (const [path, create] of selectorPaths[object.kind] ?? []) addTo(object, path, pairs, create);
  if (object.kind !== "Deployment" && object.kind !== "StatefulSet") return;
  for (const path of affinities) addTo(object, `${podSpecPath(object.kind)}/${path}`, pairs, false);
}

function addAnnotations(object: UnstructuredObject, pairs: Readonly<Record<string, string>>): void {
  if (Object.keys(pairs).length === 0) return;
  addTo(object, "metadata/annotations", pairs, true);
  const template = templatePath(object.kind);
  if (template !== undefined) addTo(object, `${template}/metadata/annotations`, pairs, true);
  if (object.kind === "CronJob") addTo(object, "spec/jobTemplate/metadata/annotations", pairs, true);
}

const scaledKinds = new Set(["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"]);

function setReplicas(
  resources: readonly KustomizeResource[],
  entry: JsonMap,
  configured: readonly FieldSpec[],
): void {
  const name = String(entry["name"]);
  const found = resources.filter(
    ({ object, formerNames }) =>
      (scaledKinds.has(object.kind) || configured.some((spec) => isOfKind(object, spec))) &&
      [object.metadata.name, ...formerNames].includes(name),
  );
  if (found.length === 0) {
    throw new KubectlError(
      `resource with name ${name} does not match a config with the following GVK [Deployment.[noVer].[noGrp] ReplicationController.[noVer].[noGrp] ReplicaSet.[noVer].[noGrp] StatefulSet.[noVer].[noGrp]]`,
    );
  }
  for (const { object } of found) {
    for (const field of configured) changeField(object, field, () => entry["count"]);
    if (!scaledKinds.has(object.kind)) continue;
    const spec = childMap(mapOf(object), "spec", true);
    if (spec !== undefined) spec["replicas"] = entry["count"];
  }
}

/** Wherever there are containers, also in kinds that are not known. */
function setImages(value: unknown, entry: JsonMap): void {
  if (Array.isArray(value)) for (const item of value) setImages(item, entry);
  if (!isObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if ((key === "containers" || key === "initContainers") && Array.isArray(inner)) {
      for (const container of inner) {
        if (isObject(container) && typeof container["image"] === "string") {
          container["image"] = changedImage(container["image"], entry);
        }
      }
    }
    setImages(inner, entry);
  }
}

function changedImage(image: string, entry: JsonMap): string {
  const text = (field: string): string => {
    const value = entry[field];
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  };
  const [, name = image, tag = "", digest = ""] = /^(.*?)(?::([^:/@]*))?(?:@(.*))?$/.exec(image) ?? [];
  if (name !== text("name")) return image;
  const newName = text("newName") === "" ? name : text("newName");
  if (text("newTag") !== "" && text("digest") !== "") return `${newName}:${text("newTag")}@${text("digest")}`;
  if (text("newTag") !== "") return `${newName}:${text("newTag")}`;
  if (text("digest") !== "") return `${newName}@${text("digest")}`;
  if (text("tagSuffix") !== "") return `${newName}:${tag}${text("tagSuffix")}`;
  return `${newName}${tag === "" ? "" : `:${tag}`}${digest === "" ? "" : `@${digest}`}`;
}
