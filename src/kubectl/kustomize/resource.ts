import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { NameReference } from "./configurations.ts";

/** An object on its way through the layers, with the names that it had: what refers to it uses one of them. */
export interface KustomizeResource {
  object: UnstructuredObject;
  readonly formerNames: string[];
  /** Names end in the hash of the content; only for what was generated. */
  needsHash: boolean;
  /** The prefixes and suffixes of the layers, inmost first: they tell apart objects that began with the same name. */
  readonly layers: string[];
  /** Fields that name other objects, by the configurations of its layers. */
  readonly references: NameReference[];
}

export type JsonMap = Record<string, unknown>;

/** The changeable map at a key; made when `create` says so. */
export function childMap(holder: JsonMap, key: string, create: boolean): JsonMap | undefined {
  const child = holder[key];
  if (isObject(child)) return child;
  if (!create || (child !== undefined && child !== null)) return undefined;
  const made: JsonMap = {};
  holder[key] = made;
  return made;
}

/**
 * Calls back with every map that a path leads to: `spec/containers[]/env[]`. What is missing on the way is made when
 * `create` says so, but never list items.
 */
export function visitMaps(value: unknown, path: string, visit: (map: JsonMap) => void, create = false): void {
  if (!isObject(value)) return;
  const [step = "", ...rest] = path.split("/");
  if (step === "") {
    visit(value);
    return;
  }
  if (step.endsWith("[]")) {
    const list = value[step.slice(0, -2)];
    if (Array.isArray(list)) for (const item of list) visitMaps(item, rest.join("/"), visit, create);
    return;
  }
  const child = childMap(value, step, create);
  if (child !== undefined) visitMaps(child, rest.join("/"), visit, create);
}

/** Where the pod template of a kind is; undefined for kinds without. */
export function templatePath(kind: string): string | undefined {
  if (kind === "CronJob") return "spec/jobTemplate/spec/template";
  const kinds = ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job", "ReplicationController"];
  return kinds.includes(kind) ? "spec/template" : undefined;
}

/** Where the pod spec of a kind is. */
export function podSpecPath(kind: string): string | undefined {
  if (kind === "Pod") return "spec";
  const template = templatePath(kind);
  return template === undefined ? undefined : `${template}/spec`;
}
