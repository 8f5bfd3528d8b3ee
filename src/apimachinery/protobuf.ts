import protobuf from "protobufjs/minimal.js";
import { isObject, setOwn } from "./json.ts";
import { specialCodecs } from "./protobuf-special.ts";
import { newBadRequest } from "./status.ts";

/**
 * The binary form of API objects, driven by tables of field numbers: JSON in, JSON out, no generated classes.
 *
 * The bytes are those of Go's generated marshalers: fields in ascending order of their number, maps sorted by key,
 * nothing packed. Go also writes the zero values of fields that are no pointers; here what JSON does not hold is not
 * written, which readers cannot tell apart.
 */

/** Message name → field name → [number, type, label]. Types are scalars, messages, or `map<string, …>`. */
export type ProtobufTables = Readonly<
  Record<string, Readonly<Record<string, readonly [number, string, string]>>>
>;

type Writer = protobuf.Writer;
type Reader = protobuf.Reader;

/** `k8s` and a zero byte open every message of its own. */
const magic = Buffer.from("k8s\0");

/** Encodes an API object with its envelope, which carries apiVersion and kind. */
export function encodeProtobuf(message: string, object: unknown, tables: ProtobufTables): Uint8Array {
  const { apiVersion, kind } = isObject(object) ? object : {};
  const writer = protobuf.Writer.create();
  writer.uint32(10).fork();
  writer.uint32(10).string(typeof apiVersion === "string" ? apiVersion : "");
  writer.uint32(18).string(typeof kind === "string" ? kind : "");
  writer.ldelim();
  writer.uint32(18).fork();
  codecOf(tables, message).encode(object, writer);
  writer.ldelim();
  // The encoding and the type of the content, both the default.
  writer.uint32(26).string("").uint32(34).string("");
  return Buffer.concat([magic, writer.finish()]);
}

/** Encodes the bare message, without an envelope. */
export function encodeProtobufMessage(message: string, value: unknown, tables: ProtobufTables): Uint8Array {
  const writer = protobuf.Writer.create();
  codecOf(tables, message).encode(value, writer);
  return writer.finish();
}

export interface DecodedEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The bare message. */
  readonly raw: Uint8Array;
}

/** True for bytes that an envelope opens. */
export function hasEnvelope(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && magic.every((byte, index) => bytes[index] === byte);
}

/** Opens the envelope. Throws StatusError 400 for bytes without one. */
export function decodeEnvelope(bytes: Uint8Array): DecodedEnvelope {
  if (!hasEnvelope(bytes)) {
    throw newBadRequest(
      "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    );
  }
  return reading(() => {
    const reader = protobuf.Reader.create(bytes.subarray(4));
    let envelope: DecodedEnvelope = { apiVersion: "", kind: "", raw: new Uint8Array() };
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === 10) envelope = { ...envelope, ...decodeTypeMeta(reader.bytes()) };
      else if (tag === 18) envelope = { ...envelope, raw: reader.bytes() };
      else reader.skipType(tag & 7);
    }
    return envelope;
  });
}

function decodeTypeMeta(bytes: Uint8Array): { apiVersion: string; kind: string } {
  const reader = protobuf.Reader.create(bytes);
  const meta = { apiVersion: "", kind: "" };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) meta.apiVersion = reader.string();
    else if (tag === 18) meta.kind = reader.string();
    else reader.skipType(tag & 7);
  }
  return meta;
}

/** Decodes a bare message into its JSON form, zero values that Go wrote included. Throws StatusError 400. */
export function decodeProtobuf(
  message: string,
  bytes: Uint8Array,
  tables: ProtobufTables,
): Record<string, unknown> {
  return reading(() => {
    const value = codecOf(tables, message).decode(protobuf.Reader.create(bytes), bytes.length, 0);
    return isObject(value) ? value : {};
  });
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw newBadRequest("unexpected EOF", error);
    if (error instanceof Error && error.name === "Error")
      throw newBadRequest(`proto: ${error.message}`, error);
    throw error;
  }
}

/** Reads and writes a message without its length. */
export interface MessageCodec {
  encode(value: unknown, writer: Writer): void;
  /** Reads up to the position `end`. */
  decode(reader: Reader, end: number, depth: number): unknown;
}

interface Field {
  readonly name: string;
  readonly number: number;
  readonly isRepeated: boolean;
  /** The fields of the message stand in the JSON form among those of its parent. */
  readonly isInline: boolean;
  readonly isMap: boolean;
  readonly value: ValueCodec;
}

/** Reads and writes one value, with its length where it has one. */
interface ValueCodec {
  readonly wireType: 0 | 1 | 2;
  encode(value: unknown, writer: Writer): void;
  decode(reader: Reader, depth: number): unknown;
}

const maxDepth = 200;
const cache = new WeakMap<ProtobufTables, Map<string, MessageCodec>>();

/** The codec of a message, made when it is first used: most clients use few of the types. */
function codecOf(tables: ProtobufTables, message: string): MessageCodec {
  let codecs = cache.get(tables);
  if (codecs === undefined) {
    codecs = new Map();
    cache.set(tables, codecs);
  }
  let codec = codecs.get(message);
  if (codec === undefined) {
    const name = message.slice(message.lastIndexOf(".") + 1);
    const nested = (sibling: string): MessageCodec =>
      codecOf(tables, resolveMessage(tables, message, sibling));
    codec = specialCodecs[name]?.(nested) ?? newMessageCodec(tables, message);
    codecs.set(message, codec);
  }
  return codec;
}

function resolveMessage(tables: ProtobufTables, from: string, type: string): string {
  if (type.startsWith(".")) return type.slice(1);
  const sibling = `${from.slice(0, from.lastIndexOf("."))}.${type}`;
  return tables[sibling] === undefined ? type : sibling;
}

function newMessageCodec(tables: ProtobufTables, message: string): MessageCodec {
  const table = tables[message];
  if (table === undefined) throw new Error(`no table of the message ${message}`);
  const fields = Object.entries(table)
    .map(([name, entry]) => newField(tables, message, name, entry))
    .sort((a, b) => a.number - b.number);
  const byNumber = new Map(fields.map((field) => [field.number, field]));
  return {
    encode: (value, writer) => encodeFields(fields, value, writer),
    decode: (reader, end, depth) => decodeFields(byNumber, reader, end, depth),
  };
}

/** Structs that Go embeds: JSON shows their fields in place. */
const inlineFields = new Set([
  "deviceConfiguration",
  "ephemeralContainerCommon",
  "handler",
  "ingressRuleValue",
  "localObjectReference",
  "persistentVolumeSource",
  "rule",
  "ruleWithOperations",
  "volumeSource",
]);

/** Names of JSON where they cannot be read off those of protobuf. */
const jsonNames: Readonly<Record<string, string>> = {
  aPIGroup: "apiGroup",
  uID: "uid",
  Expression: "expression",
  Name: "name",
  Webhooks: "webhooks",
};

function jsonNameOf(message: string, name: string): string {
  if (!message.endsWith(".JSONSchemaProps")) return jsonNames[name] ?? name;
  if (name === "ref" || name === "schema") return `$${name}`;
  if (!name.startsWith("xKubernetes")) return name;
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const scalars = new Set(["string", "bool", "int32", "int64", "double", "bytes"]);
const mapPattern = /^map<string, (.+)>$/;

function newField(
  tables: ProtobufTables,
  message: string,
  name: string,
  [number, type, label]: readonly [number, string, string],
): Field {
  const mapped = mapPattern.exec(type)?.[1];
  const base = mapped ?? type;
  const value = scalars.has(base)
    ? scalarCodec(base)
    : nestedCodec(() => codecOf(tables, resolveMessage(tables, message, base)));
  return {
    name: jsonNameOf(message, name),
    number,
    isRepeated: label === "repeated",
    isInline: inlineFields.has(name) && !scalars.has(type),
    isMap: mapped !== undefined,
    value: mapped === undefined ? value : mapEntryCodec(value),
  };
}

function nestedCodec(codec: () => MessageCodec): ValueCodec {
  let found: MessageCodec | undefined;
  return {
    wireType: 2,
    encode: (value, writer) => {
      found ??= codec();
      writer.fork();
      found.encode(value, writer);
      writer.ldelim();
    },
    decode: (reader, depth) => {
      if (depth > maxDepth) throw new Error("exceeded max depth");
      found ??= codec();
      const length = reader.uint32();
      return found.decode(reader, reader.pos + length, depth + 1);
    },
  };
}

/** A map is a list of entries: the key is field 1, the value field 2. Values here are [key, value]. */
function mapEntryCodec(value: ValueCodec): ValueCodec {
  const valueTag = (2 << 3) | value.wireType;
  return {
    wireType: 2,
    encode: (entry, writer) => {
      const [key, item] = entry as [string, unknown];
      writer.fork().uint32(10).string(key).uint32(valueTag);
      value.encode(item, writer);
      writer.ldelim();
    },
    decode: (reader, depth) => {
      const end = reader.uint32() + reader.pos;
      let key = "";
      let item: unknown;
      while (reader.pos < end) {
        const tag = reader.uint32();
        if (tag === 10) key = reader.string();
        else if (tag === valueTag) item = value.decode(reader, depth);
        else reader.skipType(tag & 7);
      }
      return [key, item];
    },
  };
}

function scalarCodec(type: string): ValueCodec {
  switch (type) {
    case "string":
      return {
        wireType: 2,
        encode: (value, writer) => writer.string(String(value)),
        decode: (reader) => reader.string(),
      };
    case "bytes":
      return {
        wireType: 2,
        encode: (value, writer) => writer.bytes(Buffer.from(String(value), "base64")),
        decode: (reader) => Buffer.from(reader.bytes()).toString("base64"),
      };
    case "bool":
      return {
        wireType: 0,
        encode: (value, writer) => writer.bool(value === true),
        decode: (reader) => reader.bool(),
      };
    case "double":
      return {
        wireType: 1,
        encode: (value, writer) => writer.double(Number(value)),
        decode: (reader) => reader.double(),
      };
    case "int32":
      return {
        wireType: 0,
        encode: (value, writer) => writer.int32(Number(value)),
        decode: (reader) => reader.int32(),
      };
    default:
      return {
        wireType: 0,
        encode: (value, writer) => writer.int64(Number(value)),
        decode: (reader) => Number(reader.int64()),
      };
  }
}

function encodeFields(fields: readonly Field[], value: unknown, writer: Writer): void {
  if (!isObject(value)) return;
  for (const field of fields) {
    const tag = (field.number << 3) | field.value.wireType;
    if (field.isInline) {
      writer.uint32(tag);
      field.value.encode(value, writer);
      continue;
    }
    const member = value[field.name];
    if (member === undefined || member === null) continue;
    for (const item of itemsOf(field, member)) {
      writer.uint32(tag);
      field.value.encode(item, writer);
    }
  }
}

function itemsOf(field: Field, member: unknown): readonly unknown[] {
  if (field.isMap) {
    if (!isObject(member)) return [];
    return Object.keys(member)
      .sort()
      .map((key) => [key, member[key]]);
  }
  if (!field.isRepeated) return [member];
  return Array.isArray(member) ? (member as unknown[]) : [];
}

function decodeFields(
  fields: ReadonlyMap<number, Field>,
  reader: Reader,
  end: number,
  depth: number,
): Record<string, unknown> {
  if (end > reader.len) throw new RangeError("unexpected EOF");
  const result: Record<string, unknown> = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wireType = tag & 7;
    const field = fields.get(tag >>> 3);
    if (field === undefined) reader.skipType(wireType);
    else if (wireType === field.value.wireType) decodeInto(result, field, reader, depth);
    else if (wireType === 2 && field.isRepeated) decodePacked(result, field, reader, depth);
    else throw new Error(`wrong wireType = ${wireType} for field ${field.name}`);
  }
  return result;
}

function decodeInto(result: Record<string, unknown>, field: Field, reader: Reader, depth: number): void {
  const value = field.value.decode(reader, depth);
  if (field.isInline) {
    for (const [key, member] of Object.entries(isObject(value) ? value : {})) setOwn(result, key, member);
  } else if (field.isMap) {
    const [key, item] = value as [string, unknown];
    const map = isObject(result[field.name]) ? (result[field.name] as Record<string, unknown>) : {};
    setOwn(map, key, item ?? null);
    result[field.name] = map;
  } else if (field.isRepeated) {
    listOf(result, field.name).push(value);
  } else if (value !== undefined) {
    result[field.name] = value;
  }
}

/** Numbers of a list may come without a tag for each. */
function decodePacked(result: Record<string, unknown>, field: Field, reader: Reader, depth: number): void {
  const end = reader.uint32() + reader.pos;
  const list = listOf(result, field.name);
  while (reader.pos < end) list.push(field.value.decode(reader, depth));
}

function listOf(result: Record<string, unknown>, name: string): unknown[] {
  const present = result[name];
  if (Array.isArray(present)) return present as unknown[];
  const list: unknown[] = [];
  result[name] = list;
  return list;
}
