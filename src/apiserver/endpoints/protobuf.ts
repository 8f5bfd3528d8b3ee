import { loadProtobufTables, protobufMessageOf } from "../../api/protobuf-tables.ts";
import { formatApiVersion, type GroupVersionKind, parseApiVersion } from "../../apimachinery/gvk.ts";
import type { ListMeta } from "../../apimachinery/meta-v1.ts";
import {
  decodeEnvelope,
  decodeProtobuf,
  encodeProtobuf,
  encodeProtobufMessage,
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

/**
 * The object in its envelope; 406 for a kind that has no binary form. What the legacy group says of itself (its versions
 * and resources) has no apiVersion of its own, and is of version v1.
 */
export function encodeProtobufAnswer(value: { apiVersion?: string; kind: string }): Uint8Array {
  const message = protobufMessageOf({ ...parseApiVersion(value.apiVersion ?? "v1"), kind: value.kind });
  if (message === undefined) throw newNotAcceptable([jsonType, yamlType]);
  return encodeProtobuf(message, value, tables);
}

/** How a list of messages is put together; see `protobufListParts`. */
export interface ProtobufListParts {
  /** One item, with the tag and the length that it has in the list. */
  encodeItem(object: object): Uint8Array;
  /** What stands before and behind the items. */
  around(items: readonly Uint8Array[]): { head: Uint8Array; tail: Uint8Array };
}

/** Of every list in the Kubernetes API: metadata is field 1, items are field 2. */
const [listMetadataField, listItemsField] = [1, 2];

/** The parts of a list in its envelope; undefined for a kind that has no binary form. */
export function protobufListParts(
  list: GroupVersionKind,
  item: GroupVersionKind,
  metadata: ListMeta,
): ProtobufListParts | undefined {
  const [listMessage, itemMessage] = [protobufMessageOf(list), protobufMessageOf(item)];
  if (listMessage === undefined || itemMessage === undefined) return undefined;
  return {
    encodeItem: (object) => field(listItemsField, encodeProtobufMessage(itemMessage, object, tables)),
    around(items) {
      const meta = field(listMetadataField, encodeProtobufMessage(listMetaMessage, metadata, tables));
      const length = items.reduce((sum, each) => sum + each.length, meta.length);
      const type = [field(1, Buffer.from(formatApiVersion(list))), field(2, Buffer.from(list.kind))];
      const head = [envelopeMagic, field(1, Buffer.concat(type)), tag(2), varint(length), meta];
      // The encoding and the type of the content, both the default.
      return { head: Buffer.concat(head), tail: Buffer.concat([field(3, noBytes), field(4, noBytes)]) };
    },
  };
}

const listMetaMessage = "k8s.io.apimachinery.pkg.apis.meta.v1.ListMeta";
const envelopeMagic = Buffer.from("k8s\0");
const noBytes = Buffer.alloc(0);

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
  return Buffer.concat([tag(number), varint(bytes.length), bytes]);
}

const tag = (number: number): Buffer => varint((number << 3) | 2);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
