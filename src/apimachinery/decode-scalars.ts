import {
  type Decoder,
  DecodingError,
  describe,
  fail,
  isZeroScalar,
  mismatchOf,
  never,
} from "./decode-context.ts";
import { deepCopy } from "./json.ts";
import { canonicalQuantity } from "./quantity.ts";
import { normalizeMicroTime, normalizeTime } from "./time.ts";

const plainString: Decoder = {
  decode: (value, context) => (typeof value === "string" ? value : fail(context, value, "string")),
  zero: () => "",
  typeName: "string",
  isEmpty: isZeroScalar,
  isScalar: true,
};

const byteString: Decoder = {
  decode: (value, context) => {
    if (typeof value !== "string") return fail(context, value, "[]uint8");
    const corruptAt = corruptBase64At(value);
    if (corruptAt === undefined) return withoutBreaks(value);
    context.mismatch ??= new DecodingError(`illegal base64 data at input byte ${corruptAt}`);
    return undefined;
  },
  zero: () => "",
  typeName: "[]uint8",
  isEmpty: isZeroScalar,
  isScalar: true,
};

/** A zero time prints as null, which is absence here. */
const timeDecoder = (normalize: (text: string) => string | undefined, typeName: string): Decoder => ({
  decode: (value, context) => {
    if (typeof value !== "string") throw mismatchOf(context, "string", describe(value));
    try {
      return normalize(value);
    } catch (error) {
      throw new DecodingError(error instanceof Error ? error.message : String(error));
    }
  },
  zero: () => null,
  typeName,
  isEmpty: never,
  isScalar: false,
});

const time = timeDecoder(normalizeTime, "v1.Time");
const microTime = timeDecoder(normalizeMicroTime, "v1.MicroTime");

const quantityDecoder: Decoder = {
  decode: (value) => {
    try {
      return canonicalQuantity(
        typeof value === "string" || typeof value === "number" ? value : String(value),
      );
    } catch (error) {
      throw new DecodingError(error instanceof Error ? error.message : String(error));
    }
  },
  zero: () => "0",
  typeName: "resource.Quantity",
  isEmpty: never,
  isScalar: false,
};

export function stringDecoder(format: string | undefined): Decoder {
  switch (format) {
    case "byte":
      return byteString;
    case "date-time":
      return time;
    case "quantity":
      return quantityDecoder;
    default:
      return plainString;
  }
}

const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const int64 = { min: -(2 ** 63), max: 2 ** 63 };

const isWhole = (value: unknown, { min, max }: typeof int32): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;

/** Large whole numbers are read exactly for values of any type, which stand beside fields of these types in definitions. */
const asNumber = (value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);

export function integerDecoder(type: "int32" | "int64"): Decoder {
  const range = type === "int32" ? int32 : int64;
  return {
    decode: (given, context) => {
      const value = asNumber(given);
      if (isWhole(value, range)) return value;
      return fail(context, value, type, typeof value === "number" ? `number ${value}` : describe(value));
    },
    zero: () => 0,
    typeName: type,
    isEmpty: isZeroScalar,
    isScalar: true,
  };
}

export const numberDecoder: Decoder = {
  decode: (given, context) => {
    const value = asNumber(given);
    return typeof value === "number" ? value : fail(context, value, "float64");
  },
  zero: () => 0,
  typeName: "float64",
  isEmpty: isZeroScalar,
  isScalar: true,
};

export const booleanDecoder: Decoder = {
  decode: (value, context) => (typeof value === "boolean" ? value : fail(context, value, "bool")),
  zero: () => false,
  typeName: "bool",
  isEmpty: isZeroScalar,
  isScalar: true,
};

export const intOrStringDecoder: Decoder = {
  decode: (value, context) => {
    if (typeof value === "string" || isWhole(value, int32)) return value;
    // A type that reads itself ends the reading.
    throw mismatchOf(context, "int32", typeof value === "number" ? `number ${value}` : describe(value));
  },
  zero: () => 0,
  typeName: "intstr.IntOrString",
  isEmpty: never,
  isScalar: false,
};

/** Whatever JSON it is: embedded objects, CRD defaults, sets of fields. */
export const anyDecoder: Decoder = {
  decode: (value) => deepCopy(value),
  zero: () => null,
  typeName: "runtime.RawExtension",
  isEmpty: never,
  isScalar: false,
};

/** Types with their own way of reading themselves, by the last part of their name. */
export const wellKnown: Readonly<Record<string, Decoder>> = {
  Quantity: quantityDecoder,
  Time: time,
  MicroTime: microTime,
  IntOrString: intOrStringDecoder,
  RawExtension: anyDecoder,
  FieldsV1: anyDecoder,
  JSON: anyDecoder,
};

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const withoutBreaks = (text: string): string =>
  text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, "") : text;

/**
 * Go names the first byte that cannot be, or the start of the last quantum when it is cut short; undefined where all is
 * well. Line breaks are allowed, and not printed again.
 */
function corruptBase64At(text: string): number | undefined {
  if (base64.test(text) || base64.test(withoutBreaks(text))) return undefined;
  const wrong = text.search(/[^A-Za-z0-9+/=\r\n]/);
  if (wrong >= 0) return wrong;
  const padding = text.indexOf("=");
  if (padding >= 0) {
    const digits = padding % 4;
    return digits < 2 ? padding : Math.min(text.length, padding + (digits === 2 ? 2 : 1));
  }
  return text.length - (text.length % 4);
}
