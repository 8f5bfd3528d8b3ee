import { codePoints } from "../source.ts";
import {
  CelDouble,
  CelDuration,
  CelErr,
  CelList,
  CelMap,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  isInt,
} from "../values.ts";
import { work, workOnText } from "./work.ts";

const noSuchOverload = new CelErr("no such overload");

/** Whether two values are equal: numbers by value, whatever their types; values of different kinds are not. */
export function equals(a: CelValue, b: CelValue): boolean | CelErr {
  if (typeof a === "string" || typeof a === "boolean") return a === b;
  if (a === null || b === null) return a === b;
  if (isNumber(a)) return isNumber(b) && equalNumbers(a, b);
  if (a instanceof CelList) return b instanceof CelList ? equalLists(a, b) : a.isTyped && noSuchOverload;
  if (a instanceof CelMap) return b instanceof CelMap ? equalMaps(a, b) : a.isTyped && noSuchOverload;
  if (a instanceof CelOpaque) return a.equals(b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof CelTimestamp) {
    return b instanceof CelTimestamp && a.seconds === b.seconds && a.nanos === b.nanos;
  }
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos;
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.type.name === b.type.name;
  if (a instanceof CelOptional) return b instanceof CelOptional && equalOptionals(a, b);
  return a;
}

function equalOptionals(a: CelOptional, b: CelOptional): boolean | CelErr {
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equals(a.value, b.value);
}

type CelNumber = number | bigint | CelUint | CelDouble;

export function isNumber(value: CelValue): value is CelNumber {
  return (
    typeof value === "number" ||
    typeof value === "bigint" ||
    value instanceof CelUint ||
    value instanceof CelDouble
  );
}

/** A plain number for comparisons; only two integers are compared exactly, as cel-go does. */
function plain(value: CelNumber): number | bigint {
  return isInt(value) ? value : value.value;
}

function equalNumbers(a: CelNumber, b: CelNumber): boolean {
  if (a instanceof CelDouble || b instanceof CelDouble) return Number(plain(a)) === Number(plain(b));
  return plain(a) === plain(b);
}

function equalLists(a: CelList, b: CelList): boolean | CelErr {
  const special = a.equalsList?.(b);
  if (special !== undefined) return special;
  if (a.size !== b.size) return false;
  work(a.size);
  for (let index = 0; index < a.size; index++) {
    const same = equals(a.at(index), b.at(index));
    if (same !== true) return same;
  }
  return true;
}

/** Each is looked up by its key, in both. */
export const unitsPerEntry = 25;

function equalMaps(a: CelMap, b: CelMap): boolean | CelErr {
  const special = a.equalsMap?.(b);
  if (special !== undefined) return special;
  if (a.size !== b.size) return false;
  work(a.size * unitsPerEntry);
  for (const key of a.keys()) {
    const other = b.find(key);
    if (other === undefined) return false;
    const same = equals(a.find(key) ?? null, other);
    if (same !== true) return same;
  }
  return true;
}

/** -1, 0 or 1; an error for values that have no order among them. */
export function compare(a: CelValue, b: CelValue): number | CelErr {
  if (typeof a === "number" && typeof b === "number") return order(a, b);
  if (typeof a === "string") return typeof b === "string" ? compareText(a, b) : noSuchOverload;
  if (typeof a === "boolean") return typeof b === "boolean" ? Number(a) - Number(b) : noSuchOverload;
  if (isNumber(a)) return isNumber(b) ? compareNumbers(a, b) : noSuchOverload;
  if (a instanceof CelTimestamp) {
    if (!(b instanceof CelTimestamp)) return noSuchOverload;
    return order(a.seconds, b.seconds) || order(a.nanos, b.nanos);
  }
  if (a instanceof CelDuration) return b instanceof CelDuration ? order(a.nanos, b.nanos) : noSuchOverload;
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? Buffer.compare(a, b) : noSuchOverload;
  return noSuchOverload;
}

function compareNumbers(a: CelNumber, b: CelNumber): number | CelErr {
  if (!(a instanceof CelDouble) && !(b instanceof CelDouble)) return order(plain(a), plain(b));
  const x = Number(plain(a));
  const y = Number(plain(b));
  if (Number.isNaN(x) || Number.isNaN(y)) return new CelErr("NaN values cannot be ordered");
  return order(x, y);
}

function order(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

/** By code points, which is also the order of the bytes in UTF-8; JavaScript's own is by UTF-16 units. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  workOnText(length);
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y)
      return isSurrogate(x) !== isSurrogate(y)
        ? order(Number(isSurrogate(x)), Number(isSurrogate(y)))
        : order(x, y);
  }
  return order(a.length, b.length);
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Texts beyond this length take a while to count, and may be counted over and over. */
const longText = 32;

/** What size-dependent costs count: characters, bytes, elements, entries; 1 for all else. */
export function costSize(value: CelValue): number {
  if (typeof value === "string") {
    if (value.length > longText) work(Math.ceil(value.length / longText));
    const count = codePoints(value);
    if (count < value.length) workOnText(value.length);
    return count;
  }
  if (typeof value !== "object" || value === null) return 1;
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof CelOpaque) return value.costSize();
  return 1;
}
