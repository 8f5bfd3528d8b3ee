import { type FieldError, forbidden, invalid, required, tooLong } from "../../apimachinery/field-error.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from "../../apimachinery/meta-v1.ts";
import { qualifiedNameErrors } from "../../apimachinery/names.ts";
import {
  checkName,
  type Errors,
  immutable,
  isEmpty,
  list,
  namespaceName,
  nonNegative,
  type ObjectNameRule,
  text,
} from "./basics.ts";
import { checkLabels } from "./label-selector.ts";

/** Metadata of objects (mirrors k8s.io/apimachinery/pkg/api/validation/objectmeta.go). */
export interface MetadataRules {
  readonly namespaced: boolean;
  readonly name: ObjectNameRule;
  /** Kinds of the core group and their relatives also know which unqualified finalizers exist. */
  readonly standardFinalizers: boolean;
  /** Whether the prefix of a generated name is looked at, or only the name that was made of it. Default: true. */
  readonly generateName?: boolean;
}

const annotationBytesMax = 256 * 1024;

export function checkObjectMeta(
  meta: ObjectMeta,
  { namespaced, name: rule, standardFinalizers, generateName: checksPrefix = true }: MetadataRules,
  errors: Errors,
): void {
  const { name, generateName, namespace } = meta;
  if (checksPrefix && generateName !== undefined && generateName !== "") {
    for (const message of rule(generateName, true)) {
      errors.push(invalid("metadata.generateName", generateName, message));
    }
  }
  if (name === undefined || name === "") {
    errors.push(required("metadata.name", "name or generateName is required"));
  } else {
    for (const message of rule(name, false)) errors.push(invalid("metadata.name", name, message));
  }
  if (namespaced) {
    if (isEmpty(namespace)) errors.push(required("metadata.namespace"));
    else checkName(text(namespace), namespaceName, "metadata.namespace", errors);
  } else if (!isEmpty(namespace)) {
    errors.push(forbidden("metadata.namespace", "not allowed on this type"));
  }
  nonNegative(meta.generation, "metadata.generation", errors);
  checkMaps(meta, errors);
  checkFinalizers(meta.finalizers, errors);
  checkManagedFields(meta.managedFields, errors);
  if (standardFinalizers) checkStandardFinalizers(meta, errors);
}

function checkMaps(meta: ObjectMeta, errors: Errors): void {
  checkLabels(meta.labels, "metadata.labels", errors);
  checkAnnotations(meta.annotations, "metadata.annotations", errors);
  checkOwnerReferences(meta.ownerReferences, errors);
}

function checkStandardFinalizers(meta: ObjectMeta, errors: Errors): void {
  list(meta.finalizers).forEach((finalizer, index) => {
    checkStandardFinalizer(finalizer, `metadata.finalizers[${index}]`, errors);
  });
}

export function checkAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
  errors: Errors,
): void {
  let bytes = 0;
  for (const key in annotations) {
    for (const message of qualifiedNameErrors(key.toLowerCase())) errors.push(invalid(path, key, message));
    bytes += byteLength(key) + byteLength(annotations[key] ?? "");
  }
  if (bytes > annotationBytesMax) errors.push(tooLong(path, annotationBytesMax));
}

/** The length in UTF-8, exact only where it may matter. */
export function byteLength(value: string): number {
  return value.length < 1024 ? Buffer.byteLength(value) : Buffer.byteLength(value, "utf8");
}

function checkOwnerReferences(references: readonly OwnerReference[] | undefined, errors: Errors): void {
  const path = "metadata.ownerReferences";
  let controller = "";
  for (const reference of list(references)) {
    checkOwnerReference(reference, path, errors);
    if (reference.controller !== true) continue;
    const current = `${reference.kind}/${reference.name}`;
    if (controller === "") controller = current;
    else {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${current}`;
      errors.push(invalid(path, references, detail));
    }
  }
}

function checkOwnerReference(reference: OwnerReference, path: string, errors: Errors): void {
  const { apiVersion, kind, name, uid } = reference;
  // Nothing is read of what has more than two parts.
  const { group, version } = parseApiVersion(apiVersion.split("/").length > 2 ? "" : apiVersion);
  if (version === "") errors.push(invalid(`${path}.apiVersion`, apiVersion, "version must not be empty"));
  if (kind === "") errors.push(invalid(`${path}.kind`, kind, "must not be empty"));
  if (name === "") errors.push(invalid(`${path}.name`, name, "must not be empty"));
  if (uid === "") errors.push(invalid(`${path}.uid`, uid, "must not be empty"));
  if (group === "" && version === "v1" && kind === "Event") {
    errors.push(invalid(path, reference, "/v1, Kind=Event is disallowed from being an owner"));
  }
}

function checkFinalizers(finalizers: readonly string[] | undefined, errors: Errors): void {
  if (finalizers === undefined) return;
  const path = "metadata.finalizers";
  for (const finalizer of finalizers) checkName(finalizer, qualifiedNameErrors, path, errors);
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  }
}

const standardFinalizerNames = new Set(["kubernetes", "orphan", "foregroundDeletion"]);

export function checkStandardFinalizer(finalizer: string, path: string, errors: Errors): void {
  if (finalizer.includes("/") || standardFinalizerNames.has(finalizer)) return;
  errors.push(
    invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified"),
  );
}

const managerBytesMax = 128;
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

function checkManagedFields(managed: readonly ManagedFieldsEntry[] | undefined, errors: Errors): void {
  if (managed === undefined) return;
  managed.forEach(({ operation, fieldsType, manager, subresource }, index) => {
    if (operation !== "Apply" && operation !== "Update") {
      const path = `metadata.managedFields[${index}].operation`;
      errors.push(invalid(path, text(operation), "must be `Apply` or `Update`"));
    }
    if (!isEmpty(fieldsType) && fieldsType !== "FieldsV1") {
      const path = `metadata.managedFields[${index}].fieldsType`;
      errors.push(invalid(path, fieldsType, "must be `FieldsV1`"));
    }
    checkFieldManager(text(manager), `metadata.managedFields[${index}].manager`, errors);
    if (text(subresource).length > 256) {
      errors.push(tooLong(`metadata.managedFields[${index}].subresource`, 256));
    }
  });
}

export function checkFieldManager(manager: string, path: string, errors: Errors): void {
  if (manager.length > managerBytesMax) errors.push(tooLong(path, managerBytesMax));
  const found = unprintable.exec(manager);
  if (found === null) return;
  const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const position = Buffer.byteLength(manager.slice(0, found.index));
  errors.push(invalid(path, manager, `invalid character U+${code} (at position ${position})`));
}

/** Rules of a change: identity never changes, and a dying object gets no new finalizers. */
export function checkObjectMetaUpdate(
  meta: ObjectMeta,
  old: ObjectMeta,
  standardFinalizers: boolean,
  errors: Errors,
): void {
  if (old.deletionTimestamp !== undefined) checkNoNewFinalizers(meta, old, errors);
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid("metadata.generation", meta.generation ?? 0, "must not be decremented"));
  }
  for (const field of fixed) immutableField(meta, old, field, errors);
  checkMaps(meta, errors);
  checkManagedFields(meta.managedFields, errors);
  if (standardFinalizers) checkStandardFinalizers(meta, errors);
}

const fixed = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;

function immutableField(
  meta: ObjectMeta,
  old: ObjectMeta,
  field: (typeof fixed)[number],
  errors: FieldError[],
): void {
  if (meta[field] !== old[field]) immutable(meta[field], old[field], `metadata.${field}`, errors);
}

function checkNoNewFinalizers(meta: ObjectMeta, old: ObjectMeta, errors: Errors): void {
  const known = new Set(old.finalizers);
  const added = list(meta.finalizers).filter((finalizer) => !known.has(finalizer));
  if (added.length === 0) return;
  const shown = `[]string{${[...new Set(added)]
    .sort()
    .map((finalizer) => JSON.stringify(finalizer))
    .join(", ")}}`;
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`;
  errors.push(forbidden("metadata.finalizers", detail));
}

/** Metadata of templates of claims: labels and annotations, and nothing else. */
export function checkTemplateObjectMeta(meta: ObjectMeta | undefined, path: string, errors: Errors): void {
  if (meta === undefined) return;
  checkAnnotations(meta.annotations, `${path}.annotations`, errors);
  checkLabels(meta.labels, `${path}.labels`, errors);
  for (const [field, value] of Object.entries(meta)) {
    if (field === "annotations" || field === "labels" || value === undefined || value === "") continue;
    // Go names its field, which begins with a small letter and goes on with capitals.
    errors.push(forbidden(`${path}.${field === "uid" ? "uID" : field}`, "cannot be set"));
  }
}
