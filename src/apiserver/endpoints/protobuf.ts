import { loadProtobufTables, protobufMessageOf } from "../../api/protobuf-tables.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import {
  decodeEnvelope,
  decodeProtobuf,
  encodeProtobuf,
  type ProtobufTables,
} from "../../apimachinery/protobuf.ts";
import { newBadRequest, newNotAcceptable } from "../../apimachinery/status.ts";
import { jsonType, yamlType } from "./negotiate.ts";

/** The binary form of built-in kinds. This file and its tables are loaded by the first client that speaks it. */
let tables: ProtobufTables = {};
const loaded = loadProtobufTables().then((found) => {
  tables = found;
});

/** Resolves when the functions below may be called. */
export const protobufReady = (): Promise<void> => loaded;

/** The JSON form of an object that came in an envelope; kind and apiVersion are those of the envelope. */
export function decodeProtobufBody(bytes: Uint8Array): unknown {
  const { apiVersion, kind, raw } = decodeEnvelope(bytes);
  const message = protobufMessageOf({ ...parseApiVersion(apiVersion), kind });
  if (message === undefined) {
    throw newBadRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
    );
  }
  return { apiVersion, kind, ...decodeProtobuf(message, raw, tables) };
}

/** The object in its envelope; 406 for a kind that has no binary form. */
export function encodeProtobufAnswer(value: { apiVersion: string; kind: string }): Uint8Array {
  const message = protobufMessageOf({ ...parseApiVersion(value.apiVersion), kind: value.kind });
  if (message === undefined) throw newNotAcceptable([jsonType, yamlType]);
  return encodeProtobuf(message, value, tables);
}

/**
 * A frame of a watch: its length in four bytes, then a bare WatchEvent whose object is enveloped
 * (k8s.io/apimachinery/pkg/runtime/serializer/protobuf and streaming).
 */
export function encodeProtobufFrame(type: string, object: { apiVersion: string; kind: string }): Uint8Array {
  const extension = field(1, encodeProtobufAnswer(object));
  const event = Buffer.concat([field(1, Buffer.from(type)), field(2, extension)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

/** A field of bytes: wire type 2. */
function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
