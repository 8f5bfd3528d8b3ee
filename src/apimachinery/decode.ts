import { isNeverFilled, omitsEmpty, printedWhenAbsent } from "./go-fields.ts";
import { type GoStep, goWay } from "./go-types.ts";
import { deepCopy, isObject, setOwn } from "./json.ts";
import type { UnstructuredObject } from "./object.ts";
import { canonicalQuantity } from "./quantity.ts";
import type { Schema, SchemaSet } from "./schema.ts";
import { newBadRequest, type StatusError } from "./status.ts";
import { normalizeMicroTime, normalizeTime } from "./time.ts";

export { numberOutOfRange, parseJson } from "./json-text.ts";

/**
 * Reads a JSON value as Go's decoder reads it into the typed struct of its kind: null is absence, unknown fields are
 * dropped and listed, wrong types are errors, times and quantities take their canonical form, and what Go would print
 * although nobody set it is filled in. The result shares nothing with the input.
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
 */
export function decodeObject(schemas: SchemaSet, schema: string | Schema, value: unknown): DecodedObject {
  const root = typeof schema === "string" ? { ref: schema } : schema;
  const decoder = decoderOf(schemas, root);
  const context: Context = { path: [], struct: "", unknownFields: [], schemas, root };
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

/** What went wrong, in the decoder's own words. */
export class DecodingError extends Error {}

const maxUnknownFields = 100;
const maxDepth = 1_000;

/** Tells keys of maps, which messages about types leave out, from names of fields. */
const mapKeyMark = "\0";

interface Context {
  /** Where the decoder stands: names of fields, indexes of lists, and keys of maps behind `mapKeyMark`. */
  readonly path: (string | number)[];
  /** The Go type whose field is being read. */
  struct: string;
  readonly unknownFields: string[];
  /** What the whole is decoded by, for messages. */
  readonly schemas: SchemaSet;
  readonly root: Schema;
  /** The first value of a wrong type. Go reads on, and tells of it when nothing else is wrong. */
  mismatch?: DecodingError;
}

interface Decoder {
  /** The value as Go would hold it. Never called with undefined or null. */
  readonly decode: (value: unknown, context: Context) => unknown;
  /** What Go holds where null stands in a list or map, and where nothing stands in a field it always prints. */
  readonly zero: () => unknown;
  /** Go's name of the type, for messages. */
  readonly typeName: string;
  /** True for a value that Go leaves out of an optional field: empty lists and maps, zero scalars held by value. */
  readonly isEmpty: (value: unknown) => boolean;
  readonly isScalar: boolean;
}

const never = (): boolean => false;
const isZeroScalar = (value: unknown): boolean => value === "" || value === 0 || value === false;

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

/** `type` is Go's plain name of what should be there; the field may have another for it. */
function fail(context: Context, value: unknown, type: string, shown = describe(value)): undefined {
  context.mismatch ??= mismatchOf(context, type, shown);
}

function mismatchOf(context: Context, type: string, shown: string): DecodingError {
  const way = goWay(context.schemas, context.root, context.path.map(stepOf));
  const where =
    way.fields.length === 0 ? "Go value" : `Go struct field ${context.struct}.${way.fields.join(".")}`;
  return new DecodingError(`json: cannot unmarshal ${shown} into ${where} of type ${way.type ?? type}`);
}

function stepOf(step: string | number): GoStep {
  if (typeof step === "number") return { type: "item" };
  return step.startsWith(mapKeyMark) ? { type: "entry" } : { type: "field", name: step };
}

function describe(value: unknown): string {
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "array" : typeof value;
}

const plainString: Decoder = {
  decode: (value, context) => (typeof value === "string" ? value : fail(context, value, "string")),
  zero: () => "",
  typeName: "string",
  isEmpty: isZeroScalar,
  isScalar: true,
};

const byteString: Decoder = {
  decode: (value, context) => {
    if (typeof value !== "string") return fail(context, value, "[]uint8");
    const corruptAt = corruptBase64At(value);
    if (corruptAt === undefined) return withoutBreaks(value);
    context.mismatch ??= new DecodingError(`illegal base64 data at input byte ${corruptAt}`);
    return undefined;
  },
  zero: () => "",
  typeName: "[]uint8",
  isEmpty: isZeroScalar,
  isScalar: true,
};

/** A zero time prints as null, which is absence here. */
const timeDecoder = (normalize: (text: string) => string | undefined, typeName: string): Decoder => ({
  decode: (value, context) => {
    if (typeof value !== "string") throw mismatchOf(context, "string", describe(value));
    try {
      return normalize(value);
    } catch (error) {
      throw new DecodingError(error instanceof Error ? error.message : String(error));
    }
  },
  zero: () => null,
  typeName,
  isEmpty: never,
  isScalar: false,
});

const time = timeDecoder(normalizeTime, "v1.Time");
const microTime = timeDecoder(normalizeMicroTime, "v1.MicroTime");

const quantityDecoder: Decoder = {
  decode: (value) => {
    try {
      return canonicalQuantity(
        typeof value === "string" || typeof value === "number" ? value : String(value),
      );
    } catch (error) {
      throw new DecodingError(error instanceof Error ? error.message : String(error));
    }
  },
  zero: () => "0",
  typeName: "resource.Quantity",
  isEmpty: never,
  isScalar: false,
};

function stringDecoder(format: string | undefined): Decoder {
  switch (format) {
    case "byte":
      return byteString;
    case "date-time":
      return time;
    case "quantity":
      return quantityDecoder;
    default:
      return plainString;
  }
}

const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const int64 = { min: -(2 ** 63), max: 2 ** 63 };

const isWhole = (value: unknown, { min, max }: typeof int32): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;

function integerDecoder(type: "int32" | "int64"): Decoder {
  const range = type === "int32" ? int32 : int64;
  return {
    decode: (value, context) => {
      if (isWhole(value, range)) return value;
      return fail(context, value, type, typeof value === "number" ? `number ${value}` : describe(value));
    },
    zero: () => 0,
    typeName: type,
    isEmpty: isZeroScalar,
    isScalar: true,
  };
}

const numberDecoder: Decoder = {
  decode: (value, context) => (typeof value === "number" ? value : fail(context, value, "float64")),
  zero: () => 0,
  typeName: "float64",
  isEmpty: isZeroScalar,
  isScalar: true,
};

const booleanDecoder: Decoder = {
  decode: (value, context) => (typeof value === "boolean" ? value : fail(context, value, "bool")),
  zero: () => false,
  typeName: "bool",
  isEmpty: isZeroScalar,
  isScalar: true,
};

const intOrStringDecoder: Decoder = {
  decode: (value, context) => {
    if (typeof value === "string" || isWhole(value, int32)) return value;
    // A type that reads itself ends the reading.
    throw mismatchOf(context, "int32", typeof value === "number" ? `number ${value}` : describe(value));
  },
  zero: () => 0,
  typeName: "intstr.IntOrString",
  isEmpty: never,
  isScalar: false,
};

/** Whatever JSON it is: embedded objects, CRD defaults, sets of fields. */
const anyDecoder: Decoder = {
  decode: (value) => deepCopy(value),
  zero: () => null,
  typeName: "runtime.RawExtension",
  isEmpty: never,
  isScalar: false,
};

/** Types with their own way of reading themselves, by the last part of their name. */
const wellKnown: Readonly<Record<string, Decoder>> = {
  Quantity: quantityDecoder,
  Time: time,
  MicroTime: microTime,
  IntOrString: intOrStringDecoder,
  RawExtension: anyDecoder,
  FieldsV1: anyDecoder,
  JSON: anyDecoder,
};

/**
 * Where a schema of a definition may stand, or something else: a list, or true and false. Its type reads itself, and
 * tells nobody of fields that it does not know.
 */
function orSchemaDecoder(schemas: SchemaSet, name: string, last: string): Decoder | undefined {
  if (!last.startsWith("JSONSchemaPropsOr")) return undefined;
  const schema = lazyDecoder(schemas, `${name.slice(0, name.lastIndexOf("."))}.JSONSchemaProps`);
  const decode = (value: unknown, context: Context): unknown => {
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
    const depth = enter(context);
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const child = value[key];
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
      const read = field.decoder.decode(child, context);
      if (read !== undefined) result[key] = read;
      context.path.length = depth;
    }
    context.struct = outer;
    return fill(result);
  };
  return { decode, zero: () => fill({}), typeName: goTypeName(name), isEmpty: never, isScalar: false };
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

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const withoutBreaks = (text: string): string =>
  text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, "") : text;

/**
 * Go names the first byte that cannot be, or the start of the last quantum when it is cut short; undefined where all is
 * well. Line breaks are allowed, and not printed again.
 */
function corruptBase64At(text: string): number | undefined {
  if (base64.test(text) || base64.test(withoutBreaks(text))) return undefined;
  const wrong = text.search(/[^A-Za-z0-9+/=\r\n]/);
  if (wrong >= 0) return wrong;
  const padding = text.indexOf("=");
  if (padding >= 0) {
    const digits = padding % 4;
    return digits < 2 ? padding : Math.min(text.length, padding + (digits === 2 ? 2 : 1));
  }
  return text.length - (text.length % 4);
}
