import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isObject } from "../../apimachinery/json.ts";
import { shiftOf } from "./checksum.ts";
import type { Piece } from "./pieces.ts";
import type { JsonDocument, OpenApiSource } from "./source.ts";
import type { V2FormName } from "./v2-forms.ts";

/** Pieces of one origin. */
export interface Unit {
  readonly paths: Piece | undefined;
  readonly definitions: Piece | undefined;
}

/** What is built in, and what others need to know of it. */
export interface BuiltinUnit extends Unit {
  readonly names: ReadonlySet<string>;
  readonly pathNames: ReadonlySet<string>;
  readonly parameters: JsonDocument;
}

/**
 * The built-in part of the document of version 2 is the same in every cluster, and takes a fifth of a second to write. So
 * it is written when the program is built, into a file: a length, a head in JSON, and the pieces.
 */
export interface Prebuilt {
  /** Undefined where the file is of other resources. */
  unit(form: V2FormName, source: OpenApiSource): BuiltinUnit | undefined;
}

interface Place {
  readonly start: number;
  readonly length: number;
  readonly sizeBytes: number;
  readonly checksum: number;
  readonly digest: string;
}

interface Head {
  /** Of what it was made from. */
  readonly key: string;
  readonly names: readonly string[];
  readonly pathNames: readonly string[];
  readonly parameters: JsonDocument;
  readonly units: Readonly<
    Record<V2FormName, { readonly paths?: Place; readonly definitions?: Place } | undefined>
  >;
}

/** The file's content. */
export function packPrebuilt(
  source: OpenApiSource,
  units: Readonly<Record<V2FormName, BuiltinUnit>>,
): Buffer {
  const blobs: Uint8Array[] = [];
  let start = 0;
  const place = (piece: Piece | undefined): Place | undefined => {
    if (piece === undefined) return undefined;
    const { deflated, sizeBytes, checksum, digest } = piece;
    const placed = { start, length: deflated.length, sizeBytes, checksum, digest };
    blobs.push(deflated);
    start += deflated.length;
    return placed;
  };
  const placed = ({ paths, definitions }: Unit): object => ({
    paths: place(paths),
    definitions: place(definitions),
  });
  const { names, pathNames, parameters } = units.json;
  const head = Buffer.from(
    JSON.stringify({
      key: keyOf(source),
      names: [...names],
      pathNames: [...pathNames],
      parameters,
      units: { json: placed(units.json), protobuf: placed(units.protobuf) },
    }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, ...blobs]);
}

export const prebuiltName = "openapi.bin";

/** Where the file is that lies beside another one. */
export const prebuiltBeside = (file: string | URL): string | URL =>
  typeof file === "string" ? join(dirname(file), prebuiltName) : new URL(prebuiltName, file);

/** Undefined where there is no such file; all is written anew then. */
export async function loadPrebuilt(file: string | URL): Promise<Prebuilt | undefined> {
  try {
    const content = await readFile(file);
    const body = 4 + content.readUInt32LE(0);
    const head = JSON.parse(content.subarray(4, body).toString()) as Head;
    return {
      unit: (form, source) => (head.key === keyOf(source) ? unitOf(head, content, body, form) : undefined),
    };
  } catch (error) {
    if (isObject(error) && error["code"] === "ENOENT") return undefined;
    throw error;
  }
}

function unitOf(head: Head, content: Buffer, body: number, form: V2FormName): BuiltinUnit | undefined {
  const unit = head.units[form];
  if (unit === undefined) return undefined;
  const piece = (place: Place | undefined): Piece | undefined => {
    if (place === undefined) return undefined;
    const { start, length, sizeBytes, checksum, digest } = place;
    const deflated = content.subarray(body + start, body + start + length);
    return { deflated, sizeBytes, checksum, digest, shift: shiftOf(sizeBytes) };
  };
  return {
    paths: piece(unit.paths),
    definitions: piece(unit.definitions),
    names: new Set(head.names),
    pathNames: new Set(head.pathNames),
    parameters: head.parameters,
  };
}

function keyOf({ resources, version, descriptions }: OpenApiSource): string {
  const builtin = resources.filter(({ custom }) => custom === undefined);
  const content = JSON.stringify([version, descriptions !== undefined, builtin]);
  return createHash("sha256").update(content).digest("base64");
}
