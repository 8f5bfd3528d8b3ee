import { typeName } from "../types.ts";
import {
  CelDouble,
  CelDuration,
  CelErr,
  CelOpaque,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  intValue,
  isInt,
  uintValue,
} from "../values.ts";
import { runtimeType } from "./runtime-type.ts";
import {
  parseDuration,
  parseTimestamp,
  plainDecimal,
  printDuration,
  printTimestamp,
  timestampOf,
} from "./time.ts";

/** The conversions `int(x)`, `string(x)` …: each takes any value and gives an error for what it cannot convert. */
const intOverflow = new CelErr("integer overflow");
const uintOverflow = new CelErr("unsigned integer overflow");

function cannot(from: CelValue, to: string): CelErr {
  return new CelErr(`type conversion error from '${typeName(runtimeType(from))}' to '${to}'`);
}

const integer = /^[+-]?\d+$/u;

export function toInt(value: CelValue): CelValue {
  if (isInt(value)) return value;
  if (value instanceof CelUint) return intValue(BigInt(value.value)) ?? intOverflow;
  if (value instanceof CelDouble) return doubleToInt(value.value);
  if (value instanceof CelTimestamp) return value.seconds;
  if (value instanceof CelDuration) return intValue(value.nanos) ?? intOverflow;
  if (typeof value === "string" && integer.test(value)) {
    const parsed = intValue(BigInt(value.replace(/^\+/u, "")));
    if (parsed !== undefined) return parsed;
  }
  return cannot(value, "int");
}

function doubleToInt(value: number): CelValue {
  // The bounds themselves are refused: as doubles they stand for what does not fit.
  if (Number.isNaN(value) || Math.abs(value) >= 2 ** 63) return intOverflow;
  const whole = Math.trunc(value) + 0;
  return Number.isSafeInteger(whole) ? whole : (intValue(BigInt(whole)) ?? intOverflow);
}

export function toUint(value: CelValue): CelValue {
  if (value instanceof CelUint) return value;
  if (isInt(value)) return value < 0 ? uintOverflow : new CelUint(value);
  if (value instanceof CelDouble) return doubleToUint(value.value);
  if (typeof value === "string" && /^\d+$/u.test(value)) {
    const parsed = uintValue(BigInt(value));
    if (parsed !== undefined) return parsed;
  }
  return cannot(value, "uint");
}

function doubleToUint(value: number): CelValue {
  if (Number.isNaN(value) || value < 0 || value >= 2 ** 64) return uintOverflow;
  return uintValue(BigInt(Math.trunc(value))) ?? uintOverflow;
}

export function toDouble(value: CelValue): CelValue {
  if (value instanceof CelDouble) return value;
  if (isInt(value)) return new CelDouble(Number(value));
  if (value instanceof CelUint) return new CelDouble(Number(value.value));
  if (typeof value === "string") {
    const parsed = parseFloat64(value);
    if (parsed !== undefined) return new CelDouble(parsed);
  }
  return cannot(value, "double");
}

/** As Go's strconv.ParseFloat reads it; undefined for what it refuses. */
function parseFloat64(text: string): number | undefined {
  const special = /^([+-]?)(?:inf|infinity)$/iu.exec(text);
  if (special !== null) return special[1] === "-" ? -Infinity : Infinity;
  if (/^nan$/iu.test(text)) return Number.NaN;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/u.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

const truths: Readonly<Record<string, boolean>> = {
  "1": true,
  t: true,
  T: true,
  TRUE: true,
  true: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  FALSE: false,
  false: false,
  False: false,
};

export function toBool(value: CelValue): CelValue {
  if (typeof value === "boolean") return value;
  if (typeof value === "string" && Object.hasOwn(truths, value)) return truths[value] ?? false;
  return cannot(value, "bool");
}

export function toBytes(value: CelValue): CelValue {
  if (value instanceof Uint8Array) return value;
  return typeof value === "string" ? Buffer.from(value, "utf8") : cannot(value, "bytes");
}

export function toText(value: CelValue): CelValue {
  if (typeof value === "string") return value;
  if (isInt(value) || typeof value === "boolean") return String(value);
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelDouble) return printDouble(value.value);
  if (value instanceof CelTimestamp) return printTimestamp(value);
  if (value instanceof CelDuration) return printDuration(value);
  if (value instanceof Uint8Array) return bytesToText(value);
  if (value instanceof CelTypeValue) return typeName(value.type);
  return cannot(value, "string");
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function bytesToText(bytes: Uint8Array): CelValue {
  try {
    return decoder.decode(bytes);
  } catch {
    return new CelErr("invalid UTF-8 in bytes, cannot convert to string");
  }
}

/** As Go's `%g` prints it: with an exponent from a million on, and below a ten-thousandth. */
export function printDouble(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [digits = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return plainDecimal(value);
  const sign = exponent < 0 ? "-" : "+";
  return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

export function toTimestamp(value: CelValue): CelValue {
  if (value instanceof CelTimestamp) return value;
  if (typeof value === "string") return parseTimestamp(value) ?? cannot(value, "google.protobuf.Timestamp");
  if (isInt(value)) return timestampOf(Number(value), 0);
  return cannot(value, "google.protobuf.Timestamp");
}

export function toDuration(value: CelValue): CelValue {
  if (value instanceof CelDuration) return value;
  if (typeof value === "string") return parseDuration(value) ?? cannot(value, "google.protobuf.Duration");
  if (isInt(value)) return new CelDuration(BigInt(value));
  return cannot(value, "google.protobuf.Duration");
}

export function toType(value: CelValue): CelValue {
  if (value instanceof CelOpaque) return new CelTypeValue(value.type);
  return new CelTypeValue(runtimeType(value));
}
