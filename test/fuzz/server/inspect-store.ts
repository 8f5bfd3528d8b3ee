import { isDeepStrictEqual } from "node:util";
import { builtinScheme } from "../../../src/api/builtin-scheme.ts";
import { loadProtobufTables, protobufMessageOf } from "../../../src/api/protobuf-tables.ts";
import { decodeObject } from "../../../src/apimachinery/decode.ts";
import { parseApiVersion } from "../../../src/apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";
import { decodeEnvelope, decodeProtobuf, encodeProtobuf } from "../../../src/apimachinery/protobuf.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { isCustomGroup } from "../generate/custom-kinds.ts";

/** What is wrong with what is stored: everything must decode to itself, also by way of its binary form. */
export async function inspectStore(storage: Storage): Promise<string[]> {
  const scheme = builtinScheme();
  const tables = await loadProtobufTables();
  const faults: string[] = [];
  for (const { key, value } of (await storage.list("/")).items) {
    try {
      const stored = JSON.parse(Buffer.from(value).toString()) as UnstructuredObject;
      const kind = { ...parseApiVersion(stored.apiVersion ?? ""), kind: stored.kind ?? "" };
      // What custom resources hold is their definitions' concern, which change.
      if (isCustomGroup(kind.group)) continue;
      const info = scheme.resourceForKind(kind);
      if (info === undefined) {
        faults.push(`${key}: of no known kind`);
        continue;
      }
      const decoded = decodeObject(scheme.schemas, info.schemaName, stored);
      if (decoded.unknownFields.length > 0) faults.push(`${key}: unknown ${decoded.unknownFields.join()}`);
      const once = plain(decoded.object) as Record<string, unknown>;
      // A status that nobody has written yet is shown as an empty one.
      const { status, ...rest } = once;
      const isSame = isDeepStrictEqual(once, stored) || (isEmpty(status) && isDeepStrictEqual(rest, stored));
      if (!isSame) faults.push(`${key}: decodes to ${difference(once, stored)}`);
      const message = protobufMessageOf(kind);
      if (message === undefined) continue;
      const { raw } = decodeEnvelope(encodeProtobuf(message, once, tables));
      const back = {
        apiVersion: stored.apiVersion,
        kind: stored.kind,
        ...decodeProtobuf(message, raw, tables),
      };
      const again = withoutEmpty(plain(decodeObject(scheme.schemas, info.schemaName, back).object));
      const expected = withoutEmpty(once);
      if (!isDeepStrictEqual(again, expected)) faults.push(`${key}: protobuf ${difference(again, expected)}`);
    } catch (error) {
      faults.push(`${key}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  return faults;
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const isEmpty = (value: unknown): boolean => JSON.stringify(value) === "{}";

/** The binary form does not tell what is empty from what is not there. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .map(([key, each]) => [key, withoutEmpty(each)] as const)
    .filter(([, each]) => !/^(?:\{\}|\[\]|null|"")$/.test(JSON.stringify(each)));
  return Object.fromEntries(kept);
}

/** The first place where two values differ. */
function difference(left: unknown, right: unknown, path = ""): string {
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
    return `${path}: ${JSON.stringify(left)?.slice(0, 100)} for ${JSON.stringify(right)?.slice(0, 100)}`;
  }
  const [one, other] = [left as Record<string, unknown>, right as Record<string, unknown>];
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    if (!isDeepStrictEqual(one[key], other[key])) return difference(one[key], other[key], `${path}.${key}`);
  }
  return path;
}
