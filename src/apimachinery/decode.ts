import {
  type Context,
  type DecodedParts,
  type Decoder,
  DecodingError,
  fail,
  isZeroScalar,
  mapKeyMark,
  never,
} from "./decode-context.ts";
import {
  anyDecoder,
  booleanDecoder,
  integerDecoder,
  intOrStringDecoder,
  numberDecoder,
  stringDecoder,
  wellKnown,
} from "./decode-scalars.ts";
import { isNeverFilled, omitsEmpty, printedWhenAbsent } from "./go-fields.ts";
import { deepCopy, isObject, setOwn } from "./json.ts";
import type { UnstructuredObject } from "./object.ts";
import type { Schema, SchemaSet } from "./schema.ts";
import { newBadRequest, type StatusError } from "./status.ts";

export type { DecodedParts } from "./decode-context.ts";
export { numberOutOfRange, parseJson } from "./json-text.ts";

/**
 * Reads a JSON value as Go's decoder reads it into the typed struct of its kind: null is absence, unknown fields are
 * dropped and listed, wrong types are errors, times and quantities take their canonical form, and what Go would print
 * although nobody set it is filled in. The result shares nothing with the input but what is said to be known.
 *
 * A schema is compiled into closures once per schema set: every write and every stored object comes through here.
 * Messages mirror sigs.k8s.io/json and encoding/json.
 */
export interface DecodedObject {
  readonly object: UnstructuredObject;
  /** `unknown field "spec.foo"`, in the order of the input, a hundred at most. */
  readonly unknownFields: string[];
}

/**
 * Decodes a value by the named schema, or by a schema. Throws StatusError 400 when a field has the wrong type; the
 * message names the kind and the field as the API server does, and `error.cause` holds the bare message of the decoder.
 *
 * `known` are members of the object, and of its metadata, as decoding by this schema has made them before. What of them
 * is found in its place, the very same, is not looked at again, and the result shares it.
 */
export function decodeObject(
  schemas: SchemaSet,
  schema: string | Schema,
  value: unknown,
  known?: DecodedParts,
): DecodedObject {
  const root = typeof schema === "string" ? { ref: schema } : schema;
  const decoder = decoderOf(schemas, root);
  const context: Context = { path: [], struct: "", unknownFields: [], schemas, root, known };
  try {
    const object = decoder.decode(value, context) as UnstructuredObject;
    if (context.mismatch !== undefined) throw context.mismatch;
    return { object, unknownFields: context.unknownFields };
  } catch (error) {
    if (error instanceof DecodingError) throw asBadRequest(value, error);
    throw error;
  }
}

/** The error of strict field validation: the texts are those of `unknownFields` and of duplicates. */
export function newStrictDecodingError(value: unknown, fields: readonly string[]): StatusError {
  return newDecodingError(value, `strict decoding error: ${fields.join(", ")}`);
}

/** The error of a value that cannot be decoded: `message` says why, in the decoder's words. */
export function newDecodingError(value: unknown, message: string): StatusError {
  return asBadRequest(value, new DecodingError(message));
}

function asBadRequest(value: unknown, error: DecodingError): StatusError {
  const kind = isObject(value) && typeof value["kind"] === "string" ? value["kind"] : "";
  const apiVersion = isObject(value) && typeof value["apiVersion"] === "string" ? value["apiVersion"] : "";
  if (kind === "") return newBadRequest(error.message, error);
  const version = apiVersion.slice(apiVersion.indexOf("/") + 1);
  const message = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${error.message}`;
  return newBadRequest(message, error);
}

const maxUnknownFields = 100;
const maxDepth = 1_000;

const compiled = new WeakMap<
  SchemaSet,
  { byName: Map<string, Decoder>; bySchema: WeakMap<Schema, Decoder> }
>();

function decoderOf(schemas: SchemaSet, schema: Schema): Decoder {
  let cache = compiled.get(schemas);
  if (cache === undefined) {
    cache = { byName: new Map(), bySchema: new WeakMap() };
    compiled.set(schemas, cache);
  }
  if (schema.ref !== undefined) return namedDecoder(schemas, schema.ref, cache.byName);
  let decoder = cache.bySchema.get(schema);
  if (decoder === undefined) {
    decoder = compile(schemas, schema, "");
    cache.bySchema.set(schema, decoder);
  }
  return decoder;
}

/** Types may contain themselves: a decoder is entered in the cache before it is built, and built when first used. */
function namedDecoder(schemas: SchemaSet, name: string, byName: Map<string, Decoder>): Decoder {
  const known = byName.get(name);
  if (known !== undefined) return known;
  const last = name.slice(name.lastIndexOf(".") + 1);
  const decoder = wellKnown[last] ?? orSchemaDecoder(schemas, name, last) ?? lazyDecoder(schemas, name);
  byName.set(name, decoder);
  return decoder;
}

function lazyDecoder(schemas: SchemaSet, name: string): Decoder {
  let built: Decoder | undefined;
  const build = (): Decoder => {
    built ??= compile(schemas, schemas.get(name) ?? {}, name);
    return built;
  };
  return {
    decode: (value, context) => (built ?? build()).decode(value, context),
    zero: () => (built ?? build()).zero(),
    typeName: goTypeName(name),
    isEmpty: never,
    isScalar: false,
  };
}

/** `io.k8s.api.apps.v1.Deployment` → `v1.Deployment`. */
function goTypeName(name: string): string {
  return name.split(".").slice(-2).join(".");
}

function compile(schemas: SchemaSet, schema: Schema, name: string): Decoder {
  if (schema.ref !== undefined) return decoderOf(schemas, schema);
  if (schema.intOrString === true || schema.format === "int-or-string") return intOrStringDecoder;
  switch (schema.type) {
    case "string":
      return stringDecoder(schema.format);
    case "integer":
      return integerDecoder(schema.format === "int64" ? "int64" : "int32");
    case "number":
      return numberDecoder;
    case "boolean":
      return booleanDecoder;
    case "array":
      return arrayDecoder(schemas, schema);
    default:
      if (schema.properties !== undefined) return structDecoder(schemas, schema, name);
      return schema.values === undefined ? emptyStructDecoder(schema, name) : mapDecoder(schemas, schema);
  }
}

/**
 * Where a schema of a definition may stand, or something else: a list, or true and false. Its type reads itself, and
 * tells nobody of fields that it does not know.
 */
function orSchemaDecoder(schemas: SchemaSet, name: string, last: string): Decoder | undefined {
  if (!last.startsWith("JSONSchemaPropsOr")) return undefined;
  const schema = lazyDecoder(schemas, `${name.slice(0, name.lastIndexOf("."))}.JSONSchemaProps`);
  const isOrBool = last === "JSONSchemaPropsOrBool";
  const decode = (value: unknown, context: Context): unknown => {
    if (isOrBool && !isObject(value) && typeof value !== "boolean")
      throw new DecodingError("boolean or JSON schema expected");
    if (Array.isArray(value)) return value.map((item) => decode(item, context));
    if (!isObject(value)) return value;
    const inner: Context = { ...context, path: [...context.path], struct: "", unknownFields: [] };
    delete inner.mismatch;
    const read = schema.decode(value, inner);
    if (inner.mismatch !== undefined) throw inner.mismatch;
    return read;
  };
  return { ...anyDecoder, decode };
}

/** A struct without fields takes an object and keeps nothing of it; a schema that says nothing takes anything. */
function emptyStructDecoder(schema: Schema, name: string): Decoder {
  if (name === "" || schema.type === undefined || schema.preserveUnknownFields === true) return anyDecoder;
  return structDecoder(new Map(), { ...schema, properties: {} }, name);
}

function arrayDecoder(schemas: SchemaSet, schema: Schema): Decoder {
  const item = schema.items === undefined ? anyDecoder : decoderOf(schemas, schema.items);
  const typeName = `[]${item.typeName}`;
  return {
    decode: (value, context) => {
      if (!Array.isArray(value)) return fail(context, value, typeName);
      const depth = enter(context);
      const items = value as unknown[];
      const result: unknown[] = [];
      for (let index = 0; index < items.length; index++) {
        const child = items[index];
        context.path[depth] = index;
        result.push(child === null || child === undefined ? item.zero() : item.decode(child, context));
      }
      context.path.length = depth;
      return result;
    },
    zero: () => null,
    typeName,
    isEmpty: (value) => Array.isArray(value) && value.length === 0,
    isScalar: false,
  };
}

function mapDecoder(schemas: SchemaSet, schema: Schema): Decoder {
  const item = schema.values === undefined ? anyDecoder : decoderOf(schemas, schema.values);
  const typeName = `map[string]${item.typeName}`;
  return {
    decode: (value, context) => {
      if (!isObject(value)) return fail(context, value, typeName);
      const depth = enter(context);
      const result: Record<string, unknown> = {};
      for (const key of Object.keys(value)) {
        const child = value[key];
        context.path[depth] = mapKeyMark + key;
        const read = child === null || child === undefined ? item.zero() : item.decode(child, context);
        setOwn(result, key, read);
      }
      context.path.length = depth;
      return result;
    },
    zero: () => null,
    typeName,
    isEmpty: (value) => isObject(value) && Object.keys(value).length === 0,
    isScalar: false,
  };
}

/** One level deeper: the returned index is where this level's step of the path goes. */
function enter({ path }: Context): number {
  if (path.length >= maxDepth) throw new DecodingError("exceeded max depth");
  return path.length;
}

interface Field {
  readonly decoder: Decoder;
  /** True for a value that Go does not print in this field. */
  readonly isEmpty: (value: unknown) => boolean;
}

function structDecoder(schemas: SchemaSet, schema: Schema, name: string): Decoder {
  const required = new Set(schema.required);
  const fields = new Map<string, Field>();
  const alwaysPrinted: (readonly [string, () => unknown])[] = [];
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const decoder = decoderOf(schemas, property);
    const isFilled = isZeroValue(property.default) && !isNeverFilled(name, key);
    const ofField = { isRequired: required.has(key), isScalar: decoder.isScalar };
    const isOmitted = omitsEmpty(name, key, ofField) && !isFilled;
    fields.set(key, { decoder, isEmpty: isOmitted ? decoder.isEmpty : never });
    const printed = isFilled ? "zero" : printedWhenAbsent(name, key);
    if (printed !== undefined) alwaysPrinted.push([key, printed === "null" ? () => null : decoder.zero]);
  }
  const struct = name.slice(name.lastIndexOf(".") + 1);
  const keepsUnknown = schema.preserveUnknownFields === true;
  const fill = (result: Record<string, unknown>): Record<string, unknown> => {
    for (const [key, zero] of alwaysPrinted) if (result[key] === undefined) result[key] = zero();
    return result;
  };

  const decode = (value: unknown, context: Context): unknown => {
    if (!isObject(value)) return fail(context, value, goTypeName(name));
    const outer = context.struct;
    const { known } = context;
    const depth = enter(context);
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const child = value[key];
      if (known !== undefined && child !== undefined && child === known[key]) {
        setOwn(result, key, child);
        continue;
      }
      const field = fields.get(key);
      if (field === undefined) {
        if (keepsUnknown) setOwn(result, key, deepCopy(child));
        else noteUnknown(context, key);
        continue;
      }
      if (child === null || child === undefined) continue;
      // An empty list of managed fields is a wish of the object, not of a template in it: forget who owns what.
      if (field.isEmpty(child) && !(key === "managedFields" && depth === 1)) continue;
      context.path[depth] = key;
      context.struct = struct;
      if (known !== undefined)
        context.known = depth === 0 && key === "metadata" ? membersOf(known, key) : undefined;
      const read = field.decoder.decode(child, context);
      if (read !== undefined) result[key] = read;
      context.path.length = depth;
      if (known !== undefined) context.known = known;
    }
    context.struct = outer;
    return fill(result);
  };
  return { decode, zero: () => fill({}), typeName: goTypeName(name), isEmpty: never, isScalar: false };
}

function membersOf(known: DecodedParts, key: string): DecodedParts | undefined {
  const members = known[key];
  return isObject(members) ? members : undefined;
}

/** A default in the facts is the zero value that Go prints, or a real default: the latter are rules of `api/`. */
function isZeroValue(value: unknown): boolean {
  if (isZeroScalar(value)) return true;
  return isObject(value) && Object.keys(value).length === 0;
}

function noteUnknown({ path, unknownFields }: Context, key: string): void {
  if (unknownFields.length >= maxUnknownFields) return;
  unknownFields.push(`unknown field ${JSON.stringify(formatPath([...path, key]))}`);
}

function formatPath(path: readonly (string | number)[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += `${text === "" ? "" : "."}${step.startsWith(mapKeyMark) ? step.slice(1) : step}`;
  }
  return text;
}
