import { type DecodedObject, newDecodingError } from "../../../apimachinery/decode.ts";
import { formatFieldError } from "../../../apimachinery/field-error.ts";
import { deepCopy, isObject } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { dropForbiddenNulls } from "./default.ts";
import { coerceEmbedded, decodeMetadata, MetadataError, repairMetadata } from "./object-meta.ts";
import { prune } from "./prune.ts";
import type { SchemaNode } from "./schema-node.ts";

/** How the schema of a version is applied. */
export interface Decoding {
  readonly schema: SchemaNode | undefined;
  /** Old definitions may say that nothing is cut off. */
  readonly preservesUnknown: boolean;
}

/**
 * A new object from a value that a client sent, as decoders of Kubernetes make it: metadata is read, what the schema
 * does not know is cut off and told, nulls that may not be are left out. Throws StatusError 400.
 */
export function decodeCustom(value: unknown, { schema, preservesUnknown }: Decoding): DecodedObject {
  const object = deepCopy(value) as UnstructuredObject;
  const unknown: string[] = [];
  if (object.metadata !== undefined) {
    try {
      const decoded = decodeMetadata(object.metadata);
      unknown.push(...decoded.unknown);
      object.metadata = decoded.metadata;
    } catch (error) {
      if (error instanceof MetadataError) throw newDecodingError(value, error.message);
      throw error;
    }
  }
  if (!preservesUnknown) {
    unknown.push(...pruned(object, schema).sort());
  }
  const embedded: string[] = [];
  const error = coerceEmbedded(object, schema, embedded);
  if (error !== undefined) throw newDecodingError(value, formatFieldError(error));
  unknown.push(...embedded.sort());
  return { object, unknownFields: unknown.map((place) => `unknown field ${JSON.stringify(place)}`) };
}

/** Cuts off what the schema does not know, in place, and answers what that was. */
function pruned(object: UnstructuredObject, schema: SchemaNode | undefined): string[] {
  const unknown: string[] = [];
  cutUnknown(object, schema, unknown);
  if (schema !== undefined) dropForbiddenNulls(object, schema);
  return unknown;
}

function cutUnknown(object: UnstructuredObject, schema: SchemaNode | undefined, unknown: string[]): void {
  if (schema !== undefined) {
    prune(object, schema, unknown);
    return;
  }
  for (const key of Object.keys(object)) {
    if (key === "apiVersion" || key === "kind" || key === "metadata") continue;
    unknown.push(key);
    delete object[key];
  }
}

/** The same for an object that admission has changed, in place: see `CustomTraits.admitted`. */
export function mendAdmitted(object: UnstructuredObject, { schema, preservesUnknown }: Decoding): void {
  if (object.metadata !== undefined) object.metadata = repairMetadata(object.metadata);
  if (!preservesUnknown) cutUnknown(object, schema, []);
  coerceEmbedded(object, schema, [], { repairs: true });
}

/** The same for an object that lies in the store, in place: faults are repaired instead of told. */
export function repairCustom(object: UnstructuredObject, { schema, preservesUnknown }: Decoding): void {
  object.metadata = isObject(object.metadata) ? repairMetadata(object.metadata) : {};
  if (!preservesUnknown) pruned(object, schema);
  coerceEmbedded(object, schema, [], { repairs: true });
  // Objects of long ago were stored before generations were counted.
  object.metadata.generation ??= 1;
}
