import type { UnstructuredObject } from "./object.ts";

/**
 * Whole numbers beyond 2^53 and within 64 bits, which Go reads exactly and a JavaScript number does not: they are bigints.
 * Only custom resources have such, and their definitions. Texts without long runs of digits are read as ever.
 */

declare global {
  interface JSON {
    /** ECMAScript's proposal "JSON.parse source text access", which V8 has. */
    readonly rawJSON: (text: string) => object;
    parse(
      text: string,
      reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
  interface BigInt {
    toJSON?: (this: bigint) => unknown;
  }
}

const longNumber = /\d{16}/;
const wholeNumber = /^-?\d+$/;

/** Whether to read the text with `parseExactly`. */
export const mayHoldLargeIntegers = (text: string): boolean => longNumber.test(text);

/** The value of a JSON text, with a bigint for each whole number that a number cannot hold and 64 bits can. */
export function parseExactly(text: string): unknown {
  printBigints();
  return JSON.parse(text, (_key, value, { source = "" }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && wholeNumber.test(source)
      ? (large(BigInt(source)) ?? value)
      : value,
  );
}

/** An object as it is stored; exactly, where its kind may be a custom one, whose groups have a dot. */
export function parseStored(text: string): UnstructuredObject {
  const start = text.indexOf(apiVersionOpen) + apiVersionOpen.length;
  const isOfDomain = text.slice(start, text.indexOf('"', start)).includes(".");
  const value = isOfDomain && mayHoldLargeIntegers(text) ? parseExactly(text) : JSON.parse(text);
  return value as UnstructuredObject;
}

const apiVersionOpen = '"apiVersion":"';

const large = (value: bigint): bigint | undefined => (BigInt.asIntN(64, value) === value ? value : undefined);

/** From now on JSON.stringify prints bigints: as long as there are none, nothing of the engine is changed. */
export function printBigints(): void {
  if (BigInt.prototype.toJSON === undefined) Object.assign(BigInt.prototype, { toJSON: printed });
}

function printed(this: bigint): unknown {
  return JSON.rawJSON(this.toString());
}
