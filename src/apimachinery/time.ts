/**
 * The times of the API: metav1.Time in whole seconds and metav1.MicroTime in millionths, both RFC 3339 in UTC.
 * Errors are worded as Go's time.Parse words them.
 */
const timeLayout = "2006-01-02T15:04:05Z07:00";
const microTimeLayout = "2006-01-02T15:04:05.000000Z07:00";

/** The parts of a layout with the pattern that each takes. */
const dateParts: readonly (readonly [string, RegExp])[] = [
  ["2006", /^[0-9]{4}/],
  ["-", /^-/],
  ["01", /^[0-9]{2}/],
  ["-", /^-/],
  ["02", /^[0-9]{2}/],
  ["T", /^T/],
  ["15", /^[0-9]{1,2}/],
  [":", /^:/],
  ["04", /^[0-9]{2}/],
  [":", /^:/],
  ["05", /^[0-9]{2}(?:[.,][0-9]+)?/],
];
const zonePart: readonly [string, RegExp] = ["Z07:00", /^(?:Z|[+-][0-9]{2}:[0-9]{2})/];
const timeParts = [...dateParts, zonePart];
const microTimeParts: readonly (readonly [string, RegExp])[] = [
  ...dateParts.slice(0, -1),
  ["05", /^[0-9]{2}/],
  [".000000", /^[.,][0-9]{6}/],
  zonePart,
];

/** A date of any year but the first, leap days aside, and a time of day: nothing about them has to be worked out. */
const plainDate =
  "(?!0001)[0-9]{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)";
const plainTimeOfDay = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";
const plainTime = new RegExp(`^${plainDate}T${plainTimeOfDay}Z$`);
const plainMicroTime = new RegExp(`^${plainDate}T${plainTimeOfDay}\\.[0-9]{6}Z$`);

const canonicalTime = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z$/;

/** `2026-01-01T00:00:00Z` for any RFC 3339 text; undefined for Go's zero time. Throws an Error in Go's words. */
export function normalizeTime(text: string): string | undefined {
  // As the server writes them, and most clients: each write of a status has half a dozen.
  if (plainTime.test(text)) return text;
  const parsed = parse(text, timeLayout, timeParts);
  if (parsed.isZero) return undefined;
  return canonicalTime.test(text) ? text : `${new Date(parsed.ms).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-01T00:00:00.000000Z`; undefined for Go's zero time. Throws an Error in Go's words. */
export function normalizeMicroTime(text: string): string | undefined {
  if (plainMicroTime.test(text)) return text;
  const parsed = parse(text, microTimeLayout, microTimeParts);
  if (parsed.isZero) return undefined;
  return `${new Date(parsed.ms).toISOString().slice(0, 19)}.${parsed.fraction}Z`;
}

/** Milliseconds since the epoch of a time of the API; undefined when it is absent or malformed. */
export function parseTime(text: string | null | undefined): number | undefined {
  if (typeof text !== "string") return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

interface Parsed {
  /** Of the whole second. */
  readonly ms: number;
  /** Six digits. */
  readonly fraction: string;
  readonly isZero: boolean;
}

function parse(text: string, layout: string, parts: readonly (readonly [string, RegExp])[]): Parsed {
  const values: string[] = [];
  let rest = text;
  for (const [element, pattern] of parts) {
    const value = pattern.exec(rest)?.[0];
    if (value === undefined)
      throw parseError(text, layout, `: cannot parse ${quoted(rest)} as ${quoted(element)}`);
    values.push(value);
    rest = rest.slice(value.length);
  }
  if (rest !== "") throw parseError(text, layout, `: extra text: ${quoted(rest)}`, true);
  const [year = "", , month = "", , day = "", , hour = "", , minute = "", , second = ""] = values;
  checkRanges(text, { year, month, day, hour, minute, second: second.slice(0, 2) });
  const zone = values.at(-1) ?? "Z";
  const ms = utc(year, month, day, hour, minute, second) - zoneOffsetMs(zone);
  const digits = (parts.length > timeParts.length ? (values.at(-2) ?? "") : second.slice(2)).slice(1);
  return {
    ms,
    fraction: digits.padEnd(6, "0").slice(0, 6),
    isZero: ms === zeroTimeMs && Number(digits || "0") === 0,
  };
}

function utc(...parts: string[]): number {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts.map((part) =>
    Number.parseInt(part, 10),
  );
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return date.getTime();
}

/** The first of January of the year 1: Go's zero time. */
const zeroTimeMs = utc("1", "1", "1", "0", "0", "0");

function zoneOffsetMs(zone: string): number {
  if (zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith("-") ? -minutes : minutes) * 60_000;
}

function checkRanges(text: string, parts: Readonly<Record<string, string>>): void {
  const value = (name: string): number => Number(parts[name]);
  const outOfRange = (name: string): never => {
    throw new Error(`parsing time ${quoted(text)}: ${name} out of range`);
  };
  if (value("month") < 1 || value("month") > 12) outOfRange("month");
  if (value("hour") > 23) outOfRange("hour");
  if (value("minute") > 59) outOfRange("minute");
  if (value("second") > 59) outOfRange("second");
  const lastDay = new Date(Date.UTC(2000 + (value("year") % 400), value("month"), 0)).getUTCDate();
  if (value("day") < 1 || value("day") > lastDay) outOfRange("day");
}

const quoted = (text: string): string => JSON.stringify(text);

/** Go leaves the layout out of the message when text is left over or a number is out of range. */
function parseError(text: string, layout: string, why: string, withoutLayout = false): Error {
  return new Error(`parsing time ${quoted(text)}${withoutLayout ? "" : ` as ${quoted(layout)}`}${why}`);
}
