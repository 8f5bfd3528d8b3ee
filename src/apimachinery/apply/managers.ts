import { formatTime } from "../clock.ts";
import type { ManagedFieldsEntry } from "../meta-v1.ts";
import { FieldSet } from "./field-set.ts";

/**
 * The managers of an object: who owns which fields, by which operation, version and subresource. Mirrors
 * k8s.io/apimachinery/pkg/util/managedfields.
 */
export interface Manager {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
  /** The entry that this was read from, while nothing but the time may differ from it. */
  readonly entry?: ManagedFieldsEntry;
}

/** By identity. Managers are values: a change makes a new one. */
export type Managers = Map<string, Manager>;

/** An applier is the same whatever version it applies; an updater is another one per version. */
export function identityOfManager(
  manager: Pick<Manager, "manager" | "operation" | "apiVersion" | "subresource">,
): string {
  const { operation, apiVersion, subresource } = manager;
  const identity: Record<string, string> = {};
  if (manager.manager !== "") identity["manager"] = manager.manager;
  identity["operation"] = operation;
  if (operation === "Update") identity["apiVersion"] = apiVersion;
  if (subresource !== "") identity["subresource"] = subresource;
  return JSON.stringify(identity);
}

/** Reads managedFields; undefined when they are malformed. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers: Managers = new Map();
  for (const entry of entries ?? []) {
    const { operation, apiVersion = "", fieldsType, manager = "", subresource = "", time, fieldsV1 } = entry;
    if ((operation !== "Apply" && operation !== "Update") || apiVersion === "" || fieldsType !== "FieldsV1") {
      return undefined;
    }
    const set = FieldSet.fromFieldsV1(fieldsV1);
    const decoded: Manager = { manager, operation, apiVersion, subresource, time, set, entry };
    managers.set(identityOfManager(decoded), decoded);
  }
  return managers;
}

/** Why managedFields cannot be read, for the error of an apply; undefined when they can. */
export function managedFieldsError(entries: readonly ManagedFieldsEntry[] | undefined): string | undefined {
  for (const [index, { operation, apiVersion = "", fieldsType }] of (entries ?? []).entries()) {
    if (operation !== "Apply" && operation !== "Update") return "operation must be `Apply` or `Update`";
    if (apiVersion === "") return "apiVersion must not be empty";
    if (fieldsType === undefined || fieldsType === "") {
      return `missing fieldsType in managed fields entry ${index}`;
    }
    if (fieldsType !== "FieldsV1") {
      return `invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`;
    }
  }
  return undefined;
}

/** The entries of managedFields in the order of Kubernetes: appliers first, then by time and name. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()].sort(compareManagers).map(encodeManager);
}

function encodeManager(manager: Manager): ManagedFieldsEntry {
  const { entry, set, time } = manager;
  if (entry !== undefined && entry.fieldsV1 === set.tree && entry.time === time) return entry;
  return newEntry(manager, set.toFieldsV1());
}

/** The entry of a manager that owns the fields. */
export function newEntry(
  { manager, operation, apiVersion, subresource, time }: Omit<Manager, "set">,
  fieldsV1: Record<string, unknown>,
): ManagedFieldsEntry {
  const encoded: ManagedFieldsEntry = { manager, operation, apiVersion };
  if (time !== undefined) encoded.time = time;
  encoded.fieldsType = "FieldsV1";
  encoded.fieldsV1 = fieldsV1;
  if (subresource !== "") encoded.subresource = subresource;
  return encoded;
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const secondsOf = (time: string | undefined): number => (time === undefined ? 0 : Date.parse(time));

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareText(a.operation, b.operation) ||
    secondsOf(a.time) - secondsOf(b.time) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

/** The manager with another set; without its entry, which no longer tells the truth. */
export function withSet({ entry: _entry, ...manager }: Manager, set: FieldSet): Manager {
  return { ...manager, set };
}

const maxUpdateManagers = 10;
const bucketName = "ancient-changes";

/** Merges the oldest updaters of each version into one entry until ten are left. Changes the map. */
export function capUpdateManagers(managers: Managers): void {
  const updaters = [...managers].filter(([, { operation }]) => operation === "Update");
  let count = updaters.length;
  if (count <= maxUpdateManagers) return;
  updaters.sort(([a, left], [b, right]) => secondsOf(left.time) - secondsOf(right.time) || compareText(a, b));
  const firstOfVersion = new Map<string, string>();
  for (const [identity, updater] of updaters) {
    if (count <= maxUpdateManagers) return;
    const bucket = bucketOf(updater);
    const bucketId = identityOfManager(bucket);
    const first = firstOfVersion.get(updater.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(updater.apiVersion, identity);
      continue;
    }
    if (identity === bucketId) continue;
    const bucketSet = managers.get(bucketId)?.set;
    const present = bucketSet ?? managers.get(first)?.set ?? FieldSet.empty;
    if (bucketSet === undefined) managers.delete(first);
    managers.delete(identity);
    managers.set(bucketId, { ...bucket, set: updater.set.union(present) });
    count--;
  }
}

function bucketOf({ apiVersion, time, set }: Manager): Manager {
  return { manager: bucketName, operation: "Update", apiVersion, subresource: "", time, set };
}

const metadata = "f:metadata";

/** Fields that belong to nobody: they say which object it is, or the server keeps them. */
const neverOwned = FieldSet.fromPaths([
  ["f:apiVersion"],
  ["f:kind"],
  [metadata],
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((field) => [metadata, `f:${field}`]),
]);

export const stripNeverOwned = (set: FieldSet): FieldSet => set.difference(neverOwned);

/** By their dotted paths: there are a handful of them. */
const ignoredFields = new Map<string, FieldSet>();

/** The fields that requests of this kind never own, from dotted paths. */
export function ignoredFieldsOf(subresource: string, paths: readonly string[] | undefined): FieldSet {
  const effective = paths ?? (subresource === "" ? ["status"] : subresource === "status" ? ["spec"] : []);
  const key = effective.join();
  let fields = ignoredFields.get(key);
  if (fields === undefined) {
    fields = FieldSet.fromPaths(effective.map((path) => path.split(".").map((name) => `f:${name}`)));
    ignoredFields.set(key, fields);
  }
  return fields;
}

/** The managers without those who wrote in a version that the kind does not have. */
export function knownManagers(
  managers: Managers | undefined,
  hasVersion: ((apiVersion: string) => boolean) | undefined,
): Managers {
  if (managers === undefined) return new Map();
  if (hasVersion === undefined) return managers;
  return new Map([...managers].filter(([, { apiVersion }]) => hasVersion(apiVersion)));
}

export const timeNow = (nowMs: number): string => formatTime(nowMs);
