import type { CelType } from "./types.ts";

/**
 * Values of the expression language.
 *
 * | language | here |
 * |---|---|
 * | int | number when it is a safe integer, bigint beyond: `intValue` keeps that so |
 * | uint, double | `CelUint`, `CelDouble`: boxed, because a plain number is an int |
 * | bytes | Uint8Array |
 * | list, map | `CelList`, `CelMap`: interfaces, so that JSON is read where it lies |
 *
 * Errors are values as well (`CelErr`): `||` and `&&` absorb them, and an exception per absorbed error would be dear.
 */
export type CelValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CelUint
  | CelDouble
  | CelTimestamp
  | CelDuration
  | CelList
  | CelMap
  | CelTypeValue
  | CelOptional
  | CelOpaque
  | CelErr;

export const maxInt = 9_223_372_036_854_775_807n;
export const minInt = -9_223_372_036_854_775_808n;
export const maxUint = 18_446_744_073_709_551_615n;

/** An evaluation error as a value; it travels up until `||`, `&&` or the caller takes it. */
export class CelErr {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** An unsigned integer of 64 bits; a number when safe, a bigint beyond. */
export class CelUint {
  readonly value: number | bigint;

  constructor(value: number | bigint) {
    this.value = value;
  }
}

export class CelDouble {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A moment: seconds since 1970 and nanoseconds within the second (0 to 999,999,999). */
export class CelTimestamp {
  readonly seconds: number;
  readonly nanos: number;
  /** Seconds east of UTC that it was written with: only its text shows them. */
  readonly zone: number;

  constructor(seconds: number, nanos: number, zone = 0) {
    this.seconds = seconds;
    this.nanos = nanos;
    this.zone = zone;
  }
}

/** A length of time in nanoseconds, of 64 bits. */
export class CelDuration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A type as a value: what `type(x)` gives. */
export class CelTypeValue {
  readonly type: CelType;

  constructor(type: CelType) {
    this.type = type;
  }
}

/** An optional; without a value it is `CelOptional.none`. */
export class CelOptional {
  static readonly none = new CelOptional(undefined);
  readonly value: CelValue | undefined;

  constructor(value: CelValue | undefined) {
    this.value = value;
  }
}

/** A value of a library's own type: an IP address, a quantity, an authorizer. */
export abstract class CelOpaque {
  abstract readonly type: CelType;
  abstract equals(other: CelValue): boolean | CelErr;

  /** Fields that expressions may select; undefined when there is no such field. */
  field(_name: string): CelValue | undefined {
    return undefined;
  }

  /** Plain data for those who show the value. */
  toJson(): unknown {
    return this.type.name;
  }

  /** What size-dependent costs count; 1 for all but a few. */
  costSize(): number {
    return 1;
  }
}

/** A list. Elements may be made when they are asked for. */
export abstract class CelList {
  abstract readonly size: number;
  /** `index` is within the list. */
  abstract at(index: number): CelValue;

  /** Read by a schema: comparing it with what is no list is an error, not false. */
  get isTyped(): boolean {
    return false;
  }

  /** Of lists of a schema's kind set or map; where it is undefined, or answers so, the order counts. */
  equalsList?(other: CelList): boolean | CelErr | undefined;
  addList?(other: CelList): CelValue;
}

/** A map, or an object read by a schema. */
export abstract class CelMap {
  abstract readonly size: number;

  /** Read by a schema: comparing it with what is no map is an error, not false. */
  get isTyped(): boolean {
    return false;
  }

  abstract find(key: CelValue): CelValue | undefined;
  abstract keys(): CelValue[];
  /** Where it is undefined, or answers so, the entries are compared. */
  equalsMap?(other: CelMap): boolean | CelErr | undefined;
}

export class ArrayList extends CelList {
  readonly items: readonly CelValue[];

  constructor(items: readonly CelValue[]) {
    super();
    this.items = items;
  }

  get size(): number {
    return this.items.length;
  }

  at(index: number): CelValue {
    return this.items[index] ?? null;
  }
}

/** The accumulator of a comprehension: grows in place, and nobody else holds it. */
export class GrowingList extends CelList {
  readonly items: CelValue[] = [];

  get size(): number {
    return this.items.length;
  }

  at(index: number): CelValue {
    return this.items[index] ?? null;
  }
}

/** Two lists one after the other, without copying: adding lists costs the same whatever their length. */
export class ConcatList extends CelList {
  readonly size: number;
  readonly #first: CelList;
  readonly #second: CelList;
  #flat: readonly CelValue[] | undefined;

  constructor(first: CelList, second: CelList) {
    super();
    this.#first = first;
    this.#second = second;
    this.size = first.size + second.size;
  }

  at(index: number): CelValue {
    this.#flat ??= this.#flatten();
    return this.#flat[index] ?? null;
  }

  /** Chains of additions lean to the left and may be long: walked without recursion. */
  #flatten(): readonly CelValue[] {
    const pieces: CelList[] = [];
    const open: CelList[] = [this];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next instanceof ConcatList && next.#flat === undefined) open.push(next.#second, next.#first);
      else pieces.push(next);
    }
    return pieces.flatMap((piece) => listItems(piece));
  }
}

/** A map by value; keys of different numeric types that are equal find the same entry. */
export class HashMap extends CelMap {
  readonly #entries = new Map<MapKey, readonly [CelValue, CelValue]>();

  static of(entries: Iterable<readonly [CelValue, CelValue]>): HashMap {
    const map = new HashMap();
    for (const [key, value] of entries) map.set(key, value);
    return map;
  }

  get size(): number {
    return this.#entries.size;
  }

  set(key: CelValue, value: CelValue): void {
    const hashed = mapKey(key);
    if (hashed !== undefined) this.#entries.set(hashed, [key, value]);
  }

  delete(key: CelValue): void {
    const hashed = mapKey(key);
    if (hashed !== undefined) this.#entries.delete(hashed);
  }

  find(key: CelValue): CelValue | undefined {
    const hashed = mapKey(key);
    return hashed === undefined ? undefined : this.#entries.get(hashed)?.[1];
  }

  keys(): CelValue[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}

type MapKey = string | number | bigint | boolean;

/** What a key hashes to: numbers by their numeric value, whatever their type. */
function mapKey(key: CelValue): MapKey | undefined {
  if (
    typeof key === "string" ||
    typeof key === "number" ||
    typeof key === "boolean" ||
    typeof key === "bigint"
  ) {
    return key;
  }
  if (key instanceof CelUint) return key.value;
  if (key instanceof CelDouble) return integerOf(key.value);
  return undefined;
}

/** The integer that a double equals, if any. */
export function integerOf(value: number): number | bigint | undefined {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  return Number.isInteger(value) ? BigInt(value) : undefined;
}

export function listItems(list: CelList): readonly CelValue[] {
  if (list instanceof ArrayList || list instanceof GrowingList) return list.items;
  const items: CelValue[] = [];
  for (let index = 0; index < list.size; index++) items.push(list.at(index));
  return items;
}

/** An int of 64 bits from a bigint: a number when it is safe. Out of range it is undefined. */
export function intValue(value: bigint): number | bigint | undefined {
  if (value >= -9_007_199_254_740_991n && value <= 9_007_199_254_740_991n) return Number(value);
  return value < minInt || value > maxInt ? undefined : value;
}

export function uintValue(value: bigint): CelUint | undefined {
  if (value < 0n || value > maxUint) return undefined;
  return new CelUint(value <= 9_007_199_254_740_991n ? Number(value) : value);
}

export function isInt(value: CelValue): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}
