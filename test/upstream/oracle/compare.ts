import { deepCopy, deepEqual, isObject } from "../../../src/apimachinery/json.ts";
import type { StatusCause } from "../../../src/apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";
import type { Answer } from "./question.ts";

export interface Difference {
  /** What differs, and where: differences of one cause share it. */
  readonly group: string;
  readonly expected: string;
  readonly found: string;
}

/** Undefined when both say the same. */
export function compare(expected: Answer, found: Answer): Difference | undefined {
  if (expected.fault !== undefined || found.fault !== undefined) {
    return difference("fault", expected.fault ?? "", found.fault ?? "");
  }
  if (expected.status !== undefined || found.status !== undefined) return compareRefusals(expected, found);
  const [theirs, ours] = [warningsOf(expected), warningsOf(found)];
  if (!deepEqual(theirs, ours)) {
    const other = firstOther(theirs, ours);
    return difference(`warnings ${placeOf(other.split(":")[0] ?? "")}`, show(theirs), show(ours));
  }
  return compareObjects(expected.object, found.object);
}

/** That a whole version is deprecated is said by the handlers of requests, which the oracle goes without. */
function warningsOf({ warnings = [] }: Answer): readonly string[] {
  return warnings.filter((text) => !/^\S+ \w+ is deprecated in v1\.\d+\+/.test(text));
}

function compareRefusals({ status: expected }: Answer, { status: found }: Answer): Difference | undefined {
  if (expected === undefined)
    return difference(`refused ${firstField(found?.details?.causes)}`, "accepted", found?.message ?? "");
  if (found === undefined)
    return difference(`accepted ${firstField(expected.details?.causes)}`, expected.message ?? "", "accepted");
  if (expected.code !== found.code) {
    return difference(`code ${expected.code} ${found.code}`, expected.message ?? "", found.message ?? "");
  }
  const ours = (found.details?.causes ?? []).map(showCause);
  const theirs = (expected.details?.causes ?? []).map(showCause);
  if (!deepEqual(ours, theirs)) {
    const sorted = deepEqual([...ours].sort(), [...theirs].sort());
    const other = firstOther(theirs, ours);
    const what = sorted ? "order" : "causes";
    return difference(`${what} ${placeOf(other.split(" ")[0] ?? "")}`, theirs.join("\n"), ours.join("\n"));
  }
  const [theirText, ourText] = [
    withoutShownObject(expected.message ?? ""),
    withoutShownObject(found.message ?? ""),
  ];
  if (theirText !== ourText) return difference("message", expected.message ?? "", found.message ?? "");
  if (expected.reason !== found.reason)
    return difference("reason", expected.reason ?? "", found.reason ?? "");
  if (!deepEqual(withoutCauses(expected.details), withoutCauses(found.details))) {
    return difference("details", show(expected.details), show(found.details));
  }
  return undefined;
}

const difference = (group: string, expected: string, found: string): Difference => ({
  group,
  expected,
  found,
});
const show = (value: unknown): string => JSON.stringify(value) ?? "none";
const showCause = ({ field, reason, message }: StatusCause): string =>
  `${field} ${reason} ${withoutShownObject(message ?? "")}`;

/** Values that are objects are shown with the names of internal types there and with those of the API here. */
function withoutShownObject(message: string): string {
  return message.replace(
    /((?:Invalid|Duplicate|Unsupported) value|Not found): [{[].*[}\]](: |$)/gs,
    "$1: …$2",
  );
}
const withoutCauses = (details: object | undefined): unknown => ({ ...details, causes: undefined });
const firstField = (causes: readonly StatusCause[] | undefined): string => placeOf(causes?.[0]?.field ?? "");

/** The first text that only one of the lists has, or the first whose place differs. */
function firstOther(a: readonly string[], b: readonly string[]): string {
  const only = a.find((text) => !b.includes(text)) ?? b.find((text) => !a.includes(text));
  return only ?? a.find((text, index) => text !== b[index]) ?? "";
}

/** A path without what differs from object to object. */
function placeOf(path: string): string {
  return path.replace(/\[[^\]]*\]/g, "[]");
}

function compareObjects(
  expected: UnstructuredObject | undefined,
  found: UnstructuredObject | undefined,
): Difference | undefined {
  const [theirs, ours] = [withoutIdentity(expected), withoutIdentity(found)];
  const place = firstDifference(theirs, ours, "");
  if (place === undefined) return undefined;
  return difference(`object ${placeOf(place.path)}`, show(place.expected), show(place.found));
}

/** Names, times and numbers that are drawn anew each time. */
function withoutIdentity(object: UnstructuredObject | undefined): unknown {
  if (object === undefined) return undefined;
  const copy = deepCopy(object);
  for (const field of ["uid", "creationTimestamp", "resourceVersion", "managedFields"] as const)
    delete copy.metadata[field];
  if (copy.metadata.generateName !== undefined) delete copy.metadata.name;
  return withoutNow(copy);
}

/** Times within these minutes are those of the writes themselves. */
function withoutNow(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNow);
  if (isObject(value)) {
    // Go prints a time that nobody set as null where it holds it by value; absence says the same.
    const members = Object.entries(value).filter(([, member]) => member !== null);
    return Object.fromEntries(members.map(([key, member]) => [key, withoutNow(member)]));
  }
  if (typeof value === "string") return isNow(value) ? "now" : withoutChance(value);
  return typeof value === "number" && value >= 30_000 && value <= 32_800 ? "a node port" : value;
}

/** Addresses of Services and unique ids are drawn. */
function withoutChance(text: string): string {
  if (/^10\.96\.0\.\d+$/.test(text)) return "an address";
  return text.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, "an id");
}

const started = Date.now();

function isNow(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) return false;
  return Math.abs(Date.parse(text) - started) < 3_600_000;
}

function firstDifference(
  expected: unknown,
  found: unknown,
  path: string,
): { path: string; expected: unknown; found: unknown } | undefined {
  if (isObject(expected) && isObject(found)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      const inside = firstDifference(expected[key], found[key], path === "" ? key : `${path}.${key}`);
      if (inside !== undefined) return inside;
    }
    return undefined;
  }
  if (Array.isArray(expected) && Array.isArray(found) && expected.length === found.length) {
    for (const [index, item] of expected.entries()) {
      const inside = firstDifference(item, found[index], `${path}[]`);
      if (inside !== undefined) return inside;
    }
    return undefined;
  }
  return deepEqual(expected, found) ? undefined : { path, expected, found };
}
