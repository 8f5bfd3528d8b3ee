import { deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { printYaml } from "../../apimachinery/yaml.ts";
import type { ChangedObject } from "../entry.ts";
import type { Change, Changes } from "./read.ts";
import { unifiedDiff } from "./text-diff.ts";

/** An object at two revisions. */
export interface Difference extends ChangedObject {
  readonly change: "added" | "changed" | "removed";
  readonly before: UnstructuredObject | undefined;
  readonly after: UnstructuredObject | undefined;
}

/**
 * What differs between the state before the changes and the state after them. Unless `withStatus` is set, what only says
 * how things stand does not count: the status, and whatever has an owner that makes it anew.
 */
export function differences({ items }: Pick<Changes, "items">, withStatus = false): Difference[] {
  const byObject = Map.groupBy(
    items,
    ({ group, resource, namespace, name }) => `${group}/${resource}/${namespace}/${name}`,
  );
  return [...byObject.values()].flatMap((changes) => {
    const [first, last] = [changes[0], changes.at(-1)];
    if (first === undefined || last === undefined) return [];
    const [before, after] = [essence(first.before, withStatus), essence(last.after, withStatus)];
    if (deepEqual(before, after)) return [];
    const { group, resource, namespace, name } = first;
    const change = before === undefined ? "added" : after === undefined ? "removed" : "changed";
    return [{ group, resource, namespace, name, change, before, after }];
  });
}

/** Without what the server writes for itself. */
export function essence(
  object: UnstructuredObject | undefined,
  withStatus: boolean,
): UnstructuredObject | undefined {
  if (object === undefined) return undefined;
  const { managedFields: _, resourceVersion: __, generation: ___, ...metadata } = object.metadata;
  const { status, ...rest } = object;
  return { ...rest, metadata, ...(withStatus && status !== undefined && { status }) };
}

/** `deployments.apps/web`; with its namespace in front when that is of interest. */
export const nameOf = ({ group, resource, namespace, name }: ChangedObject, withNamespace = false): string =>
  `${withNamespace && namespace !== "" ? `${namespace} ` : ""}${resource}${group === "" ? "" : `.${group}`}/${name}`;

/** The difference as YAML, line by line. */
export function diffText(difference: Difference, from: number, to: number): string {
  const name = nameOf(difference);
  const yaml = (object: UnstructuredObject | undefined): string =>
    object === undefined ? "" : printYaml(object);
  return unifiedDiff(yaml(difference.before), yaml(difference.after), {
    before: difference.before === undefined ? "/dev/null" : `${name} (revision ${from})`,
    after: difference.after === undefined ? "/dev/null" : `${name} (revision ${to})`,
  });
}

/** True for what somebody else makes and keeps: it follows by itself. */
export const isMade = (object: UnstructuredObject | undefined): boolean =>
  object?.metadata.ownerReferences?.some(({ controller }) => controller === true) === true;

/** The changes without those of objects that follow by themselves. */
export const authored = (items: readonly Change[]): Change[] =>
  items.filter(({ resource, before, after }) => !followers.has(resource) && !isMade(after ?? before));

const followers = new Set(["endpoints", "endpointslices", "nodes", "ipaddresses"]);
