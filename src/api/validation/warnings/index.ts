import type { GroupVersionKind } from "../../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";

/** Texts for Warning headers: deprecated fields, questionable values. */
export function warningsFor(
  kind: GroupVersionKind,
  object: UnstructuredObject,
  old: UnstructuredObject | undefined,
): string[] {
  void kind;
  void object;
  void old;
  return [];
}
