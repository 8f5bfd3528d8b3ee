import type protobuf from "protobufjs/minimal.js";
import { isObject } from "./json.ts";
import type { MessageCodec } from "./protobuf.ts";

/**
 * Types whose JSON form is not that of their message: times are text, quantities are text, embedded objects are
 * whatever they are. By the last part of the message's name; each takes a function that leads to its siblings.
 */
type Writer = protobuf.Writer;
type Reader = protobuf.Reader;
type Nested = (sibling: string) => MessageCodec;

/** Calls back for each field up to `end` with its tag; what is not read must be skipped there. */
function eachField(reader: Reader, end: number, read: (tag: number) => void): void {
  if (end > reader.len) throw new RangeError("unexpected EOF");
  while (reader.pos < end) read(reader.uint32());
}

/** A message with one field of text: quantities. */
const textMessage: MessageCodec = {
  encode: (value, writer) => {
    writer.uint32(10).string(String(value));
  },
  decode: (reader, end) => {
    let text = "";
    eachField(reader, end, (tag) => {
      if (tag === 10) text = reader.string();
      else reader.skipType(tag & 7);
    });
    return text === "" ? "0" : text;
  },
};

/** Seconds and nanoseconds. A zero time is an empty message, and no value in JSON. */
const timeMessage = (isMicro: boolean): MessageCodec => ({
  encode: (value, writer) => {
    const text = String(value);
    const ms = Date.parse(text);
    if (Number.isNaN(ms)) return;
    const fraction = isMicro ? (/\.([0-9]+)/.exec(text)?.[1] ?? "") : "";
    const nanos = Number(fraction.padEnd(6, "0").slice(0, 6)) * 1000;
    writer
      .uint32(8)
      .int64(Math.floor(ms / 1000))
      .uint32(16)
      .int32(nanos);
  },
  decode: (reader, end) => {
    let seconds: number | undefined;
    let nanos = 0;
    eachField(reader, end, (tag) => {
      if (tag === 8) seconds = Number(reader.int64());
      else if (tag === 16) nanos = reader.int32();
      else reader.skipType(tag & 7);
    });
    return seconds === undefined ? undefined : formatSeconds(seconds, nanos, isMicro);
  },
});

/** The last second that a JavaScript date can hold. */
const maxSeconds = 8.64e12;

function formatSeconds(seconds: number, nanos: number, isMicro: boolean): string {
  if (Math.abs(seconds) > maxSeconds) throw new Error("time out of range");
  const whole = new Date(seconds * 1000).toISOString().slice(0, -5);
  return isMicro ? `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, "0")}Z` : `${whole}Z`;
}

const intOrString: MessageCodec = {
  encode: (value, writer) => {
    const isText = typeof value === "string";
    writer.uint32(8).int64(isText ? 1 : 0);
    writer.uint32(16).int32(isText ? 0 : Number(value));
    writer.uint32(26).string(isText ? value : "");
  },
  decode: (reader, end) => {
    let isText = false;
    let number = 0;
    let text = "";
    eachField(reader, end, (tag) => {
      if (tag === 8) isText = Number(reader.int64()) === 1;
      else if (tag === 16) number = reader.int32();
      else if (tag === 26) text = reader.string();
      else reader.skipType(tag & 7);
    });
    return isText ? text : number;
  },
};

/** JSON text in a field of bytes. Bytes that are no JSON, such as enveloped messages, stay bytes. */
const rawJson: MessageCodec = {
  encode: (value, writer) => {
    if (value === undefined || value === null) return;
    writer.uint32(10).bytes(value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value)));
  },
  decode: (reader, end) => {
    let bytes: Uint8Array | undefined;
    eachField(reader, end, (tag) => {
      if (tag === 10) bytes = reader.bytes();
      else reader.skipType(tag & 7);
    });
    return bytes === undefined || bytes.length === 0 ? undefined : parseOrKeep(bytes);
  },
};

function parseOrKeep(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as unknown;
  } catch {
    return bytes;
  }
}

/** A list of text that has a message of its own. */
const textList: MessageCodec = {
  encode: (value, writer) => {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [])
      writer.uint32(10).string(String(item));
  },
  decode: (reader, end) => {
    const items: string[] = [];
    eachField(reader, end, (tag) => {
      if (tag === 10) items.push(reader.string());
      else reader.skipType(tag & 7);
    });
    return items;
  },
};

function writeNested(writer: Writer, tag: number, codec: MessageCodec, value: unknown): void {
  writer.uint32(tag).fork();
  codec.encode(value, writer);
  writer.ldelim();
}

function readNested(reader: Reader, codec: MessageCodec, depth: number): unknown {
  const length = reader.uint32();
  return codec.decode(reader, reader.pos + length, depth + 1);
}

/** `additionalProperties: false` or a schema. */
const schemaOrBool = (nested: Nested): MessageCodec => ({
  encode: (value, writer) => {
    writer.uint32(8).bool(isObject(value) || value === true);
    if (isObject(value)) writeNested(writer, 18, nested("JSONSchemaProps"), value);
  },
  decode: (reader, end, depth) => {
    let result: unknown = false;
    eachField(reader, end, (tag) => {
      if (tag === 8) result = isObject(result) ? result : reader.bool();
      else if (tag === 18) result = readNested(reader, nested("JSONSchemaProps"), depth);
      else reader.skipType(tag & 7);
    });
    return result;
  },
});

/** `items`: one schema or several. */
const schemaOrArray = (nested: Nested): MessageCodec => ({
  encode: (value, writer) => {
    const codec = nested("JSONSchemaProps");
    if (isObject(value)) writeNested(writer, 10, codec, value);
    else
      for (const item of Array.isArray(value) ? (value as unknown[]) : [])
        writeNested(writer, 18, codec, item);
  },
  decode: (reader, end, depth) => {
    const codec = nested("JSONSchemaProps");
    let single: unknown;
    const several: unknown[] = [];
    eachField(reader, end, (tag) => {
      if (tag === 10) single = readNested(reader, codec, depth);
      else if (tag === 18) several.push(readNested(reader, codec, depth));
      else reader.skipType(tag & 7);
    });
    return single ?? several;
  },
});

/** `dependencies`: a schema or names of properties. */
const schemaOrTextList = (nested: Nested): MessageCodec => ({
  encode: (value, writer) => {
    if (isObject(value)) writeNested(writer, 10, nested("JSONSchemaProps"), value);
    else
      for (const item of Array.isArray(value) ? (value as unknown[]) : [])
        writer.uint32(18).string(String(item));
  },
  decode: (reader, end, depth) => {
    let schema: unknown;
    const names: string[] = [];
    eachField(reader, end, (tag) => {
      if (tag === 10) schema = readNested(reader, nested("JSONSchemaProps"), depth);
      else if (tag === 18) names.push(reader.string());
      else reader.skipType(tag & 7);
    });
    return schema ?? names;
  },
});

export const specialCodecs: Readonly<Record<string, ((nested: Nested) => MessageCodec) | undefined>> = {
  Quantity: () => textMessage,
  Time: () => timeMessage(false),
  MicroTime: () => timeMessage(true),
  IntOrString: () => intOrString,
  RawExtension: () => rawJson,
  FieldsV1: () => rawJson,
  JSON: () => rawJson,
  ExtraValue: () => textList,
  Verbs: () => textList,
  JSONSchemaPropsOrBool: schemaOrBool,
  JSONSchemaPropsOrArray: schemaOrArray,
  JSONSchemaPropsOrStringArray: schemaOrTextList,
};
