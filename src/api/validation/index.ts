import type { FieldError } from "../../apimachinery/field-error.ts";
import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { type Errors, nameIsPathSegment } from "./basics.ts";
import { metadataStepsOf } from "./metadata-steps.ts";
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
 *
 * Metadata is checked for all kinds alike and once more as the kind does: clients see such a fault more than once.
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
  const own = metadataRulesFor(apiVersion, kind.kind, rules);
  const { metadata } = object;
  checkObjectMeta(metadata, { ...own, name: nameIsPathSegment, standardFinalizers: false }, errors);
  checkObjectMetaUpdate(metadata, old.metadata, false, errors);
  const check =
    subresource === "" || subresource === "scale" ? rules.update : rules.subresources[subresource];
  for (const step of metadataStepsOf(apiVersion, kind.kind, subresource)) {
    if (step === "update") checkObjectMetaUpdate(metadata, old.metadata, true, errors);
    else if (step === "update without finalizers")
      checkObjectMetaUpdate(metadata, old.metadata, false, errors);
    else if (step === "create") checkObjectMeta(metadata, own, errors);
    else if (step === "create without finalizers")
      checkObjectMeta(metadata, { ...own, standardFinalizers: false }, errors);
    else checkObjectMeta(metadata, { ...own, generateName: false }, errors);
  }
  check?.(object, old, errors);
  return errors;
}
