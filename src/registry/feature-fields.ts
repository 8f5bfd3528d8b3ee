import { isObject } from "../apimachinery/json.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";

/**
 * Takes fields of the spec away whose feature Kubernetes 1.36 has switched off: a new object does not get them, and an old
 * one keeps them only if it had them.
 */
export function dropSpecFields(
  fields: readonly string[],
  { spec }: UnstructuredObject,
  old?: UnstructuredObject,
): void {
  if (!isObject(spec)) return;
  const before = old?.["spec"];
  for (const field of fields) {
    if (!isObject(before) || before[field] === undefined) delete spec[field];
  }
}
