import {
  CelDouble,
  CelDuration,
  CelErr,
  CelList,
  CelTimestamp,
  CelUint,
  type CelValue,
  ConcatList,
  GrowingList,
  intValue,
  isInt,
  uintValue,
} from "../values.ts";
import { durationOf, timestampOf, timestampOverflow } from "./time.ts";

/**
 * The operators `+ - * / %` and negation. Two safe integers take the short way; everything else is exact by bigint.
 * Overflow is an error, as in Go's checked arithmetic of cel-go.
 */
const noSuchOverload = new CelErr("no such overload");
const intOverflow = new CelErr("integer overflow");
const uintOverflow = new CelErr("unsigned integer overflow");
const divisionByZero = new CelErr("division by zero");
const modulusByZero = new CelErr("modulus by zero");

function int(value: bigint): CelValue {
  return intValue(value) ?? intOverflow;
}

function uint(value: bigint): CelValue {
  return uintValue(value) ?? uintOverflow;
}

function unsupported(name: string): CelErr {
  return new CelErr(`no such overload: ${name}`);
}

/** Values that answer a method call they do not know themselves: their message names no function. */
function receives(value: CelValue): boolean {
  return typeof value === "string" || value instanceof CelTimestamp || value instanceof CelDuration;
}

function without(name: string, value: CelValue): CelErr {
  return receives(value) ? noSuchOverload : unsupported(name);
}

export function add(a: CelValue, b: CelValue): CelValue {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    return Number.isSafeInteger(sum) ? sum : int(BigInt(a) + BigInt(b));
  }
  if (typeof a === "string") return typeof b === "string" ? a + b : noSuchOverload;
  if (isInt(a)) return isInt(b) ? int(BigInt(a) + BigInt(b)) : noSuchOverload;
  if (a instanceof CelList) return b instanceof CelList ? addLists(a, b) : noSuchOverload;
  if (a instanceof CelDouble)
    return b instanceof CelDouble ? new CelDouble(a.value + b.value) : noSuchOverload;
  if (a instanceof CelUint)
    return b instanceof CelUint ? uint(BigInt(a.value) + BigInt(b.value)) : noSuchOverload;
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? Buffer.concat([a, b]) : noSuchOverload;
  if (a instanceof CelDuration) {
    if (b instanceof CelDuration) return durationOf(a.nanos + b.nanos);
    return b instanceof CelTimestamp ? shift(b, a.nanos) : noSuchOverload;
  }
  if (a instanceof CelTimestamp) return b instanceof CelDuration ? shift(a, b.nanos) : noSuchOverload;
  return without("_+_", a);
}

function addLists(a: CelList, b: CelList): CelValue {
  if (a instanceof GrowingList) {
    for (let index = 0; index < b.size; index++) a.items.push(b.at(index));
    return a;
  }
  if (a.addList !== undefined) return a.addList(b);
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  return new ConcatList(a, b);
}

/** A moment some nanoseconds later. */
function shift({ seconds, nanos, zone }: CelTimestamp, by: bigint): CelValue {
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(nanos) + by;
  const rest = ((total % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return timestampOf(Number((total - rest) / 1_000_000_000n), Number(rest), zone);
}

export function subtract(a: CelValue, b: CelValue): CelValue {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    return Number.isSafeInteger(difference) ? difference : int(BigInt(a) - BigInt(b));
  }
  if (isInt(a)) return isInt(b) ? int(BigInt(a) - BigInt(b)) : noSuchOverload;
  if (a instanceof CelDouble)
    return b instanceof CelDouble ? new CelDouble(a.value - b.value) : noSuchOverload;
  if (a instanceof CelUint)
    return b instanceof CelUint ? uint(BigInt(a.value) - BigInt(b.value)) : noSuchOverload;
  if (a instanceof CelDuration)
    return b instanceof CelDuration ? durationOf(a.nanos - b.nanos) : noSuchOverload;
  if (a instanceof CelTimestamp) {
    if (b instanceof CelDuration) return shift(a, -b.nanos);
    return b instanceof CelTimestamp ? between(a, b) : noSuchOverload;
  }
  return without("_-_", a);
}

function between(a: CelTimestamp, b: CelTimestamp): CelValue {
  const nanos = (BigInt(a.seconds) - BigInt(b.seconds)) * 1_000_000_000n + BigInt(a.nanos - b.nanos);
  const duration = durationOf(nanos);
  return duration instanceof CelErr ? timestampOverflow : duration;
}

export function multiply(a: CelValue, b: CelValue): CelValue {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b;
    // Rounding never makes an unsafe product look safe; a product of zero must not be minus zero.
    return Number.isSafeInteger(product) ? product + 0 : int(BigInt(a) * BigInt(b));
  }
  if (isInt(a)) return isInt(b) ? int(BigInt(a) * BigInt(b)) : noSuchOverload;
  if (a instanceof CelDouble)
    return b instanceof CelDouble ? new CelDouble(a.value * b.value) : noSuchOverload;
  if (a instanceof CelUint)
    return b instanceof CelUint ? uint(BigInt(a.value) * BigInt(b.value)) : noSuchOverload;
  return without("_*_", a);
}

export function divide(a: CelValue, b: CelValue): CelValue {
  if (isInt(a)) {
    if (!isInt(b)) return noSuchOverload;
    if (b === 0) return divisionByZero;
    if (typeof a === "number" && typeof b === "number") return Math.trunc(a / b) + 0;
    return int(BigInt(a) / BigInt(b));
  }
  if (a instanceof CelDouble)
    return b instanceof CelDouble ? new CelDouble(a.value / b.value) : noSuchOverload;
  if (a instanceof CelUint) {
    if (!(b instanceof CelUint)) return noSuchOverload;
    return b.value === 0 ? divisionByZero : uint(BigInt(a.value) / BigInt(b.value));
  }
  return without("_/_", a);
}

export function modulo(a: CelValue, b: CelValue): CelValue {
  if (isInt(a)) {
    if (!isInt(b)) return noSuchOverload;
    if (b === 0) return modulusByZero;
    if (typeof a === "number" && typeof b === "number") return (a % b) + 0;
    // The least int modulo -1: its quotient does not fit, so cel-go calls it an overflow.
    if (b === -1 && BigInt(a) === -(2n ** 63n)) return intOverflow;
    return int(BigInt(a) % BigInt(b));
  }
  if (a instanceof CelUint) {
    if (!(b instanceof CelUint)) return noSuchOverload;
    return b.value === 0 ? modulusByZero : uint(BigInt(a.value) % BigInt(b.value));
  }
  return without("_%_", a);
}

export function negate(a: CelValue): CelValue {
  if (typeof a === "number") return 0 - a;
  if (typeof a === "bigint") return int(-a);
  if (a instanceof CelDouble) return new CelDouble(-a.value);
  if (a instanceof CelDuration) return durationOf(-a.nanos);
  if (typeof a === "boolean") return !a;
  return without("-_", a);
}
