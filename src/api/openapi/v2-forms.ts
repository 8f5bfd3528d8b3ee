import { protobufV2 } from "./gnostic.ts";
import type { JsonDocument } from "./source.ts";

/** A path or a type by its name. */
export type Entry = readonly [name: string, document: JsonDocument];
export type Content = string | Uint8Array;

/** The two long parts of the document; all else is short. */
export type LongPart = "paths" | "definitions";

/** How the document of version 2 is written, part by part. */
export interface V2Form {
  /** Between entries. */
  readonly separator: string;
  readonly after: string;
  head(document: JsonDocument): Content;
  before(part: LongPart, sizeBytes: number): Content;
  entries(part: LongPart, entries: readonly Entry[]): Content;
  tail(document: JsonDocument): Content;
}

/** The members of a JSON object, without its braces. */
export const membersOf = (entries: readonly Entry[]): string =>
  entries.map(([name, document]) => `${JSON.stringify(name)}:${JSON.stringify(document)}`).join(",");

const json: V2Form = {
  separator: ",",
  after: "}",
  head: ({ swagger, info }) => JSON.stringify({ swagger, info }).slice(0, -1),
  before: (part) => `,"${part}":{`,
  entries: (_part, entries) => membersOf(entries),
  tail: ({ parameters, securityDefinitions, security }) =>
    `,${JSON.stringify({ parameters, securityDefinitions, security }).slice(1)}`,
};

const protobuf: V2Form = { separator: "", after: "", ...protobufV2 };

export const v2Forms = { json, protobuf } as const;
export type V2FormName = keyof typeof v2Forms;
