import { type GoStep, goWay } from "./go-types.ts";
import type { Schema, SchemaSet } from "./schema.ts";

/** What went wrong, in the decoder's own words. */
export class DecodingError extends Error {}

/** Tells keys of maps, which messages about types leave out, from names of fields. */
export const mapKeyMark = "\0";

/** Where a decoder stands, and what it has found. */
export interface Context {
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
  /** Members of the struct being read that are decoded already: one that the value still has is taken as it is. */
  known?: DecodedParts | undefined;
}

/** Members of an object that has been decoded, by their names. */
export type DecodedParts = Readonly<Record<string, unknown>>;

/** Reads values of one type as Go reads them. */
export interface Decoder {
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

export const never = (): boolean => false;
export const isZeroScalar = (value: unknown): boolean => value === "" || value === 0 || value === false;

/** `type` is Go's plain name of what should be there; the field may have another for it. */
export function fail(context: Context, value: unknown, type: string, shown = describe(value)): undefined {
  context.mismatch ??= mismatchOf(context, type, shown);
}

export function mismatchOf(context: Context, type: string, shown: string): DecodingError {
  const way = goWay(context.schemas, context.root, context.path.map(stepOf));
  const where =
    way.fields.length === 0 ? "Go value" : `Go struct field ${context.struct}.${way.fields.join(".")}`;
  return new DecodingError(`json: cannot unmarshal ${shown} into ${where} of type ${way.type ?? type}`);
}

function stepOf(step: string | number): GoStep {
  if (typeof step === "number") return { type: "item" };
  return step.startsWith(mapKeyMark) ? { type: "entry" } : { type: "field", name: step };
}

export function describe(value: unknown): string {
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "array" : typeof value;
}
