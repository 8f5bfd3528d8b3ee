import { decodeObject } from "../../../apimachinery/decode.ts";
import { formatFieldError } from "../../../apimachinery/field-error.ts";
import { parseApiVersion } from "../../../apimachinery/gvk.ts";
import { deepCopy } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { applyMergePatch } from "../../../apimachinery/patch/merge-patch.ts";
import { builtinScheme } from "../../builtin-scheme.ts";
import { validateCreate, validateUpdate, warningsFor } from "../index.ts";

/** Tables of validation: an object that is valid, what is merged into it, and the errors in full. */
const scheme = builtinScheme();

/** Decoded and defaulted, as the registry hands objects to validation. */
export function objectOf(value: Record<string, unknown>): UnstructuredObject {
  const kind = { ...parseApiVersion(String(value["apiVersion"])), kind: String(value["kind"]) };
  const { object } = decodeObject(scheme.schemas, scheme.resourceForKind(kind)?.schemaName ?? "", value);
  scheme.applyDefaults(kind, object);
  return object;
}

const kindOf = (object: UnstructuredObject) => ({ ...parseApiVersion(object.apiVersion), kind: object.kind });

const changed = (base: Record<string, unknown>, change: unknown): UnstructuredObject =>
  objectOf(applyMergePatch(deepCopy(base), change) as Record<string, unknown>);

export function createErrors(base: Record<string, unknown>, change: unknown = {}): string[] {
  const object = changed(base, change);
  return validateCreate(kindOf(object), object).map((error) => formatFieldError(error));
}

/** `before` and `after` are merged into the base. */
export function updateErrors(
  base: Record<string, unknown>,
  before: unknown,
  after: unknown,
  subresource = "",
): string[] {
  const old = changed(base, before);
  const object = changed(base, after);
  const errors = validateUpdate(kindOf(object), object, old, subresource).map((error) =>
    formatFieldError(error),
  );
  // Some rules are asked more than once.
  return [...new Set(errors)];
}

export function warningsOf(base: Record<string, unknown>, change: unknown = {}): string[] {
  const object = changed(base, change);
  return warningsFor(kindOf(object), object, undefined);
}
