import { loadProtobufTables, protobufMessageOf } from "../../../src/api/protobuf-tables.ts";
import type { ResourceInfo } from "../../../src/api/scheme.ts";
import { decodeObject } from "../../../src/apimachinery/decode.ts";
import { encodeProtobuf } from "../../../src/apimachinery/protobuf.ts";
import type { Dice } from "./dice.ts";
import { scheme } from "./kinds.ts";
import { mutateBytes } from "./mutate-bytes.ts";

const tables = await loadProtobufTables();
const magic = Buffer.from("k8s\0");

/** Pieces that no encoder writes: lengths that lead out, groups without end, fields without number. */
const oddPieces: readonly Buffer[] = [
  Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0x00, 0x00]),
  Buffer.from([0x0b]),
  Buffer.from([0x0c]),
  Buffer.from([0x0e]),
  Buffer.from([0x0f]),
  Buffer.from([0x0d, 0x01]),
  Buffer.from([0x09, 0x01, 0x02]),
  Buffer.from([0x08]),
  Buffer.alloc(10_000, 0x0b),
  Buffer.alloc(20_000, 0x1b),
  Buffer.alloc(3000, 0x80),
  recursion(200),
  recursion(3000),
];

/** A message in a message in a message, all in field 1. */
function recursion(depth: number): Buffer {
  let bytes: Buffer = Buffer.from([0x08, 0x01]);
  for (let level = 0; level < depth; level++) bytes = field(1, bytes);
  return bytes;
}

function field(number: number, bytes: Uint8Array): Buffer {
  const head = [(number << 3) | 2];
  let { length } = bytes;
  for (; length > 127; length = Math.floor(length / 128)) head.push((length % 128) | 128);
  return Buffer.concat([Buffer.from([...head, length]), bytes]);
}

/** The object in its binary form, bent when it is to be odd. */
export function protobufBody(dice: Dice, info: ResourceInfo, object: unknown, isOdd: boolean): Uint8Array {
  const valid = encode(info, object);
  if (!isOdd) return valid;
  return dice.weighted<() => Uint8Array>([
    [4, () => mutateBytes(dice, valid)],
    [1, () => Buffer.concat([valid, dice.pick(oddPieces)])],
    [2, () => envelope(dice, info, dice.pick(oddPieces))],
    [1, () => envelope(dice, info, dice.bytes(dice.below(60)))],
    [1, () => envelope(dice, info, field(1, dice.pick(oddPieces)))],
    [1, () => Buffer.concat([magic, dice.pick(oddPieces)])],
    [1, () => valid.subarray(4)],
    [1, () => magic.subarray(0, dice.below(5))],
  ])();
}

function encode(info: ResourceInfo, object: unknown): Uint8Array {
  const message = protobufMessageOf(info);
  if (message === undefined) return magic;
  try {
    const decoded = decodeObject(scheme.schemas, info.schemaName, object).object;
    return encodeProtobuf(message, decoded, tables);
  } catch {
    return magic;
  }
}

/** An envelope around bytes that are not what it says. */
function envelope(dice: Dice, info: ResourceInfo, raw: Uint8Array): Buffer {
  const apiVersion = info.group === "" ? info.version : `${info.group}/${info.version}`;
  const type = Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(info.kind))]);
  const parts = [magic, field(1, type), field(2, raw)];
  if (dice.percent(20)) parts.push(field(3, Buffer.from(dice.pick(["gzip", "identity", "x"]))));
  if (dice.percent(20)) parts.push(field(4, Buffer.from(dice.pick(["application/json", "x"]))));
  return Buffer.concat(parts);
}
