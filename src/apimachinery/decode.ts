import { deepCopy } from "./json.ts";
import type { UnstructuredObject } from "./object.ts";
import type { Schema, SchemaSet } from "./schema.ts";
import { newBadRequest } from "./status.ts";

export interface ParsedJson {
  readonly value: unknown;
  readonly duplicates: string[];
}

export function parseJson(text: string): ParsedJson {
  try {
    return { value: JSON.parse(text), duplicates: [] };
  } catch (error) {
    throw newBadRequest(String(error));
  }
}

export interface DecodedObject {
  readonly object: UnstructuredObject;
  readonly unknownFields: string[];
}

export function decodeObject(schemas: SchemaSet, schema: string | Schema, value: unknown): DecodedObject {
  void schemas;
  void schema;
  return { object: deepCopy(value) as UnstructuredObject, unknownFields: [] };
}
