import { deepEqual, isObject, setOwn } from "../json.ts";

/**
 * Applies an RFC 7386 merge patch and returns the result; neither input is changed, and the result may share parts
 * with both. null removes a member, objects merge, everything else replaces.
 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const base = isObject(document) ? document : {};
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(base)) {
    if (!Object.hasOwn(patch, key)) setOwn(result, key, base[key]);
    else if (patch[key] !== null) setOwn(result, key, applyMergePatch(base[key], patch[key]));
  }
  for (const key of Object.keys(patch)) {
    if (patch[key] !== null && !Object.hasOwn(base, key)) {
      setOwn(result, key, applyMergePatch(undefined, patch[key]));
    }
  }
  return result;
}

/**
 * The merge patch that leads from one document to the other; an empty object when they are equal. A null that the
 * target holds cannot be expressed and is lost, as the format has it.
 */
export function createMergePatch(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(from)) {
    if (to[key] === undefined) setOwn(patch, key, null);
    else if (!deepEqual(from[key], to[key])) setOwn(patch, key, createMergePatch(from[key], to[key]));
  }
  for (const key of Object.keys(to)) {
    if (from[key] === undefined && to[key] !== undefined) setOwn(patch, key, to[key]);
  }
  return patch;
}
