import type { FieldError } from "../../apimachinery/field-error.ts";
import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Errors } from "./basics.ts";
import { checkObjectMeta, checkObjectMetaUpdate } from "./object-meta.ts";
import { metadataRulesFor, rulesFor } from "./rules.ts";

export { warningsFor } from "./warnings/index.ts";

/**
 * Validation of the built-in kinds, as Kubernetes 1.36 does it: paths, order, types and wording of the errors are part
 * of the interface, since clients match them. Objects are decoded and defaulted before, and what the registry fills in
 * (selectors of jobs, lists of addresses) is there.
 */

/** Errors of a new object. Never throws for bad input. */
export function validateCreate(kind: GroupVersionKind, object: UnstructuredObject): FieldError[] {
  const apiVersion = formatApiVersion(kind);
  const rules = rulesFor(apiVersion, kind.kind);
  const errors: Errors = [];
  if (!rules.ownMetadata) {
    checkObjectMeta(object.metadata, metadataRulesFor(apiVersion, kind.kind, rules), errors);
  }
  rules.create(object, errors);
  return errors;
}

/**
 * Errors of the change, immutable fields among them. `subresource` is the empty text for the object itself; those that
 * change nothing but one part are held to the rules of that part.
 */
export function validateUpdate(
  kind: GroupVersionKind,
  object: UnstructuredObject,
  old: UnstructuredObject,
  subresource: string,
): FieldError[] {
  const apiVersion = formatApiVersion(kind);
  const rules = rulesFor(apiVersion, kind.kind);
  const errors: Errors = [];
  // The rules of pods look at metadata themselves.
  if (kind.kind !== "Pod") checkObjectMetaUpdate(object.metadata, old.metadata, true, errors);
  const check =
    subresource === "" || subresource === "scale" ? rules.update : rules.subresources[subresource];
  check?.(object, old, errors);
  return errors.length > 1 ? withoutRepetition(errors) : errors;
}

/** Rules of the object and rules of the change may find the same fault: users see it once. */
function withoutRepetition(errors: Errors): Errors {
  const seen = new Set<string>();
  return errors.filter(({ type, path, detail }) => {
    const key = `${type}\n${path}\n${detail}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}
