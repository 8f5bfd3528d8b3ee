import { builtinScheme } from "../../../api/builtin-scheme.ts";
import { nameIsPathSegment } from "../../../api/validation/basics.ts";
import { checkObjectMeta } from "../../../api/validation/object-meta.ts";
import { type DecodedObject, decodeObject } from "../../../apimachinery/decode.ts";
import { type FieldError, invalid, required } from "../../../apimachinery/field-error.ts";
import { isObject } from "../../../apimachinery/json.ts";
import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { dns1035LabelErrors } from "../../../apimachinery/names.ts";
import type { Schema } from "../../../apimachinery/schema.ts";
import { StatusError } from "../../../apimachinery/status.ts";
import { childPath, indexPath, keyPath } from "./path.ts";
import { formatPlace } from "./prune.ts";
import type { SchemaNode } from "./schema-node.ts";

/** Metadata as part of an object without kind, so that paths begin with its name and messages name its type. */
const withMetadata: Schema = {
  type: "object",
  properties: { metadata: { ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" } },
};

/**
 * Metadata as Go reads it into its struct: what is unknown is left out and told. Throws the decoder's own words for
 * fields of the wrong type (mirrors apiserver/schema/objectmeta).
 */
export function decodeMetadata(metadata: unknown): { metadata: ObjectMeta; unknown: string[] } {
  let decoded: DecodedObject;
  try {
    decoded = decodeObject(builtinScheme().schemas, withMetadata, { metadata });
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const { message } = error.cause instanceof Error ? error.cause : error;
    throw new MetadataError(
      message.replace(/ into Go (?:value |struct field )\S*?metadata\b\.?/, intoMetadata),
    );
  }
  const unknown = decoded.unknownFields.map((text) => text.slice(text.indexOf('"') + 1, -1));
  return { metadata: decoded.object.metadata ?? {}, unknown };
}

/** As Go shows a map. */
const sortedKeys = (value: unknown): unknown =>
  isObject(value)
    ? Object.fromEntries(
        Object.keys(value)
          .toSorted()
          .map((key) => [key, sortedKeys(value[key])]),
      )
    : value;

const intoMetadata = (text: string): string =>
  text.endsWith(".") ? " into Go struct field ObjectMeta." : " into Go value";

/** Metadata that cannot be read; the message is the decoder's. */
export class MetadataError extends Error {}

/** As `decodeMetadata`, but fields that cannot be read are left out: of objects that were stored before anyone looked. */
export function repairMetadata(metadata: unknown): ObjectMeta {
  try {
    return decodeMetadata(metadata).metadata;
  } catch {
    const repaired: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(isObject(metadata) ? metadata : {})) {
      try {
        Object.assign(repaired, decodeMetadata({ [name]: value }).metadata);
      } catch {
        // The field says nothing that anyone could understand.
      }
    }
    return repaired;
  }
}

/**
 * Reads metadata and types of resources inside of the object, in place, and notes unknown fields. Answers with the
 * first thing that is wrong, or drops what is when `repairs`.
 */
export function coerceEmbedded(
  value: unknown,
  schema: SchemaNode | undefined,
  unknown: string[],
  { repairs = false, path = "", isRoot = false } = {},
): FieldError | undefined {
  return coerce(value, schema, { path, place: [] }, unknown, repairs, isRoot);
}

interface Where {
  readonly path: string;
  readonly place: readonly (string | number)[];
}

const childOf = ({ path, place }: Where, name: string): Where => ({
  path: childPath(path, name),
  place: [...place, name],
});

function coerce(
  value: unknown,
  schema: SchemaNode | undefined,
  where: Where,
  unknown: string[],
  repairs: boolean,
  isSelf: boolean,
): FieldError | undefined {
  if (schema === undefined || !schema.traits.hasEmbedded) return undefined;
  if (Array.isArray(value)) {
    for (const [index, item] of (value as unknown[]).entries()) {
      const at = { path: indexPath(where.path, index), place: [...where.place, index] };
      const error = coerce(item, schema.items, at, unknown, repairs, true);
      if (error !== undefined) return error;
    }
    return undefined;
  }
  if (!isObject(value)) return undefined;
  if (schema.isEmbedded && isSelf) {
    const error = coerceResource(value, where, unknown, repairs);
    if (error !== undefined) return error;
  }
  for (const key of Object.keys(value)) {
    const field = schema.field(key);
    const at =
      field === undefined ? { ...childOf(where, key), path: keyPath(where.path, key) } : childOf(where, key);
    const error = coerce(value[key], field ?? schema.values, at, unknown, repairs, true);
    if (error !== undefined) return error;
  }
  return undefined;
}

function coerceResource(
  value: Record<string, unknown>,
  where: Where,
  unknown: string[],
  repairs: boolean,
): FieldError | undefined {
  for (const key of ["apiVersion", "kind"]) {
    if (value[key] === undefined || typeof value[key] === "string") continue;
    if (!repairs) return invalid(childPath(where.path, key), value[key], "must be a string");
    delete value[key];
  }
  if (value["metadata"] === undefined) return undefined;
  if (repairs) {
    value["metadata"] = repairMetadata(value["metadata"]);
    return undefined;
  }
  try {
    const decoded = decodeMetadata(value["metadata"]);
    unknown.push(...decoded.unknown.map((name) => formatPlace([...where.place, name])));
    value["metadata"] = decoded.metadata;
    return undefined;
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    return invalid(childPath(where.path, "metadata"), sortedKeys(value["metadata"]), error.message);
  }
}

/** Errors of the types and metadata of resources inside of the object. */
export function embeddedErrors(
  value: unknown,
  schema: SchemaNode | undefined,
  { path = "", isRoot = false } = {},
): FieldError[] {
  const errors: FieldError[] = [];
  visit(value, schema, path, isRoot, errors);
  return errors;
}

function visit(
  value: unknown,
  schema: SchemaNode | undefined,
  path: string,
  isSelf: boolean,
  errors: FieldError[],
): void {
  if (schema === undefined || !schema.traits.hasEmbedded) return;
  if (Array.isArray(value)) {
    for (const [index, item] of (value as unknown[]).entries()) {
      visit(item, schema.items, indexPath(path, index), true, errors);
    }
    return;
  }
  if (!isObject(value)) return;
  if (schema.isEmbedded && isSelf) checkResource(value, path, errors);
  for (const key of Object.keys(value)) {
    const field = schema.field(key);
    const below = field === undefined ? keyPath(path, key) : childPath(path, key);
    visit(value[key], field ?? schema.values, below, true, errors);
  }
}

function checkResource(value: Record<string, unknown>, path: string, errors: FieldError[]): void {
  const { apiVersion, kind, metadata } = value;
  const [versionPath, kindPath] = [childPath(path, "apiVersion"), childPath(path, "kind")];
  if (apiVersion === undefined) errors.push(required(versionPath));
  if (kind === undefined) errors.push(required(kindPath));
  if (apiVersion !== undefined) {
    if (typeof apiVersion !== "string") errors.push(invalid(versionPath, apiVersion, "must be a string"));
    else if (apiVersion === "") errors.push(invalid(versionPath, apiVersion, "must not be empty"));
    else if (apiVersion.split("/").length > 2) {
      errors.push(invalid(versionPath, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
    }
  }
  if (kind !== undefined) {
    if (typeof kind !== "string") errors.push(invalid(kindPath, kind, "must be a string"));
    else if (kind === "") errors.push(invalid(kindPath, kind, "must not be empty"));
    else {
      const wrong = dns1035LabelErrors(kind.toLowerCase());
      const why = `may have mixed case, but should otherwise match: ${wrong.join(",")}`;
      if (wrong.length > 0) errors.push(invalid(kindPath, kind, why));
    }
  }
  if (metadata !== undefined) errors.push(...metadataErrors(metadata, childPath(path, "metadata")));
}

function metadataErrors(metadata: unknown, path: string): FieldError[] {
  let decoded: ObjectMeta;
  try {
    decoded = decodeMetadata(metadata).metadata;
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    return [invalid(path, sortedKeys(metadata), error.message)];
  }
  const name = (decoded.name ?? "") === "" ? "fakename" : decoded.name;
  const found: FieldError[] = [];
  const namespaced = (decoded.namespace ?? "") !== "";
  checkObjectMeta(
    { ...decoded, name },
    { namespaced, name: nameIsPathSegment, standardFinalizers: false },
    found,
  );
  return found.map((error) => ({ ...error, path: path + error.path.slice("metadata".length) }));
}
