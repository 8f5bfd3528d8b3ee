import { builtinScheme } from "../../api/builtin-scheme.ts";
import type { Scheme } from "../../api/scheme.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { deepCopy, deepEqual, isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { createMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { createThreeWayPatch } from "../../apimachinery/patch/strategic-merge-patch.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Client } from "../../client/client.ts";
import type { MappedResource } from "../rest-mapper.ts";

export const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

export type ApplyOutcome = "created" | "configured" | "unchanged";

export interface ApplyResult {
  readonly outcome: ApplyOutcome;
  readonly object: UnstructuredObject;
}

export interface ApplyOptions {
  readonly namespace: string | undefined;
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
}

/**
 * Client-side apply, as kubectl does it: creates what is absent, and otherwise sends the patch that three states give, the
 * configuration applied before (kept in an annotation), the new one, and what the server has.
 */
export async function applyObject(
  client: Client,
  resource: MappedResource,
  wanted: UnstructuredObject,
  options: ApplyOptions,
): Promise<ApplyResult> {
  const { namespace, dryRun = false, fieldManager = "kubectl-client-side-apply" } = options;
  const write = { namespace, dryRun, fieldManager };
  const resourceClient = client.resource<UnstructuredObject>({ ...resource, object: wanted });
  const modified = withLastApplied(wanted);
  const name = wanted.metadata.name ?? "";
  let current: UnstructuredObject;
  try {
    current = await resourceClient.get(name, { namespace });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return { outcome: "created", object: await resourceClient.create(modified, write) };
  }
  const { patch, type } = threeWayPatch(current, modified);
  if (isObject(patch) && Object.keys(patch).length === 0) return { outcome: "unchanged", object: current };
  const object = await resourceClient.patch(name, patch, { ...write, type });
  return { outcome: isSame(current, object) ? "unchanged" : "configured", object };
}

/** The configuration with itself noted down in the annotation that the next apply compares with. */
export function withLastApplied(wanted: UnstructuredObject): UnstructuredObject {
  const annotations = { ...wanted.metadata.annotations };
  delete annotations[lastApplied];
  const plain = { ...wanted, metadata: { ...wanted.metadata, annotations } };
  return {
    ...wanted,
    metadata: {
      ...wanted.metadata,
      annotations: { ...annotations, [lastApplied]: `${JSON.stringify(sortKeys(plain))}\n` },
    },
  };
}

/** kubectl writes keys in order; the next apply, by whichever tool, then finds the same text. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sortKeys(value[key])]),
  );
}

/** Strategic where the kind is known; a JSON merge patch for all other kinds. */
export function threeWayPatch(
  current: UnstructuredObject,
  modified: UnstructuredObject,
): { patch: unknown; type: "strategic" | "merge" } {
  const before = current.metadata.annotations?.[lastApplied];
  const original: unknown = before === undefined ? {} : parseOrEmpty(before);
  const scheme: Scheme = builtinScheme();
  const info = scheme.resourceForKind({ ...parseApiVersion(modified.apiVersion), kind: modified.kind });
  const schema = info === undefined ? undefined : scheme.schemas.get(info.schemaName);
  if (schema === undefined) return { patch: threeWayMergePatch(original, modified, current), type: "merge" };
  return {
    patch: createThreeWayPatch(original, modified, current, schema, scheme.schemas),
    type: "strategic",
  };
}

function parseOrEmpty(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** What to add or change comes from comparing with the server, what to delete from comparing with the last apply. */
export function threeWayMergePatch(original: unknown, modified: unknown, current: unknown): unknown {
  const changes = withoutDeletions(createMergePatch(current, modified));
  const deletions = onlyDeletions(createMergePatch(original, modified));
  return merge(changes, deletions);
}

function withoutDeletions(patch: unknown): Record<string, unknown> {
  if (!isObject(patch)) return {};
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) continue;
    if (!isObject(value)) kept[key] = value;
    else {
      const inner = withoutDeletions(value);
      if (Object.keys(inner).length > 0 || Object.keys(value).length === 0) kept[key] = inner;
    }
  }
  return kept;
}

function onlyDeletions(patch: unknown): Record<string, unknown> {
  if (!isObject(patch)) return {};
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) kept[key] = null;
    else if (isObject(value)) {
      const inner = onlyDeletions(value);
      if (Object.keys(inner).length > 0) kept[key] = inner;
    }
  }
  return kept;
}

function merge(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
  const result = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const known = result[key];
    result[key] = isObject(known) && isObject(value) ? merge(known, value) : value;
  }
  return result;
}

/** A patch may be accepted and change nothing but the version. */
function isSame(before: UnstructuredObject, after: UnstructuredObject): boolean {
  const plain = (object: UnstructuredObject): unknown => {
    const copy = deepCopy(object);
    delete copy.metadata.resourceVersion;
    delete copy.metadata.managedFields;
    return copy;
  };
  return (
    before.metadata.resourceVersion === after.metadata.resourceVersion ||
    deepEqual(plain(before), plain(after))
  );
}
