import { CelDuration, CelErr, CelTimestamp, maxInt, minInt } from "../values.ts";
import { work } from "./work.ts";

/** 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z: what timestamps may be. */
const minSeconds = -62_135_596_800;
const maxSeconds = 253_402_300_799;

export const timestampOverflow = new CelErr("timestamp overflow");
const durationOverflow = new CelErr("duration overflow");

export function timestampOf(seconds: number, nanos: number, zone = 0): CelTimestamp | CelErr {
  if (seconds < minSeconds || seconds > maxSeconds) return timestampOverflow;
  return new CelTimestamp(seconds, nanos, zone);
}

export function durationOf(nanos: bigint): CelDuration | CelErr {
  return nanos < minInt || nanos > maxInt ? durationOverflow : new CelDuration(nanos);
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/u;

/** A date and time as RFC 3339 writes it; undefined for anything else. */
export function parseTimestamp(text: string): CelTimestamp | CelErr | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", sign, zoneHour = "0", zoneMinute = "0"] =
    match;
  const date = daySeconds(Number(year), Number(month), Number(day));
  if (date === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(zoneHour) > 24 || Number(zoneMinute) > 60) return undefined;
  const zone = (Number(zoneHour) * 3600 + Number(zoneMinute) * 60) * (sign === "-" ? -1 : 1);
  const seconds = date + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - zone;
  return timestampOf(seconds, Number(fraction.slice(0, 9).padEnd(9, "0")), zone);
}

/** A date as RFC 3339 writes it, at midnight. */
export function parseDate(text: string): CelTimestamp | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/u.exec(text);
  const seconds = match && daySeconds(Number(match[1]), Number(match[2]), Number(match[3]));
  return typeof seconds === "number" ? new CelTimestamp(seconds, 0) : undefined;
}

/** Seconds since 1970 at the start of a day; undefined when there is no such day. */
function daySeconds(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() / 1000 : undefined;
}

/** As RFC 3339 writes it, in the zone it came with, with as many digits of the second as needed. */
export function printTimestamp({ seconds, nanos, zone }: CelTimestamp): string {
  const local = new Date((seconds + zone) * 1000);
  const year = String(local.getUTCFullYear()).padStart(4, "0");
  const text = local
    .toISOString()
    .replace(/^[+-]?\d+/u, year)
    .slice(0, 19);
  const fraction = nanos === 0 ? "" : `.${String(nanos).padStart(9, "0").replace(/0+$/u, "")}`;
  if (zone === 0) return `${text}${fraction}Z`;
  const minutes = Math.floor(Math.abs(zone) / 60);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${text}${fraction}${zone < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** A duration as Go writes it: `1h30m`, `-1.5s`, `0`; undefined for anything else, or when it does not fit. */
export function parseDuration(text: string): CelDuration | undefined {
  const match = /^([+-]?)(0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/u.exec(text);
  if (match === null) return undefined;
  let nanos = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of (match[2] ?? "").matchAll(
    /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/gu,
  )) {
    const scale = unitNanos[unit] ?? 0n;
    nanos += BigInt(whole === "" ? "0" : whole) * scale;
    // Digits below a nanosecond are dropped, as Go does after at most 18 of them.
    const digits = fraction.slice(0, 18);
    if (digits !== "") nanos += (BigInt(digits) * scale) / 10n ** BigInt(digits.length);
  }
  if (match[1] === "-") nanos = -nanos;
  return nanos < minInt || nanos > maxInt ? undefined : new CelDuration(nanos);
}

/** As conversions print it: seconds with a fraction, `5400s`. */
export function printDuration(duration: CelDuration): string {
  return `${plainDecimal(durationSeconds(duration))}s`;
}

/** Seconds as Go's `Duration.Seconds()` gives them. */
export function durationSeconds({ nanos }: CelDuration): number {
  return Number(nanos / 1_000_000_000n) + Number(nanos % 1_000_000_000n) / 1e9;
}

/** The shortest text of a number that reads back the same, without an exponent. */
export function plainDecimal(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/u.exec(text);
  if (match === null) return text;
  const [, sign = "", first = "", rest = "", exponent = "0"] = match;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${"0".repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The parts of a moment in a time zone: a name of the zone database, or `+05:30`. */
export function partsIn(timestamp: CelTimestamp, zone: string | undefined): Date | CelErr {
  const offset = zone === undefined ? 0 : zoneOffset(timestamp, zone);
  return typeof offset === "number" ? new Date((timestamp.seconds + offset) * 1000) : offset;
}

/** The zone database is asked with texts. */
const unitsPerZone = 500;

/** Seconds east of UTC at that moment. */
function zoneOffset({ seconds }: CelTimestamp, zone: string): number | CelErr {
  const colon = zone.indexOf(":");
  if (colon >= 0) return fixedOffset(zone, colon);
  if (zone === "" || zone === "UTC") return 0;
  work(unitsPerZone);
  const formatter = zoneFormatter(zone);
  if (formatter === undefined) return new CelErr(`unknown time zone ${zone}`);
  const parts = new Map(
    formatter.formatToParts(new Date(seconds * 1000)).map(({ type, value }) => [type, value]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type) ?? "0");
  const local = new Date(0);
  const year = parts.get("era") === "B" ? 1 - part("year") : part("year");
  local.setUTCFullYear(year, part("month") - 1, part("day"));
  local.setUTCHours(part("hour"), part("minute"), part("second"));
  return local.getTime() / 1000 - seconds;
}

function fixedOffset(zone: string, colon: number): number | CelErr {
  const hours = zone.slice(0, colon);
  const minutes = zone.slice(colon + 1);
  for (const number of [hours, minutes]) {
    if (!/^[+-]?\d+$/u.test(number))
      return new CelErr(`strconv.Atoi: parsing ${JSON.stringify(number)}: invalid syntax`);
  }
  const away = zone.startsWith("-") ? -Number(minutes) : Number(minutes);
  return (Number(hours) * 60 + away) * 60;
}

/** Making one takes a tenth of a millisecond: kept. Names come from expressions, so only few are. */
const formatters = new Map<string, Intl.DateTimeFormat>();
const maxFormatters = 64;

function zoneFormatter(timeZone: string): Intl.DateTimeFormat | undefined {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  try {
    const formatter = new Intl.DateTimeFormat("en-US", {
      timeZone,
      era: "narrow",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      hourCycle: "h23",
    });
    if (formatters.size >= maxFormatters) formatters.clear();
    formatters.set(timeZone, formatter);
    return formatter;
  } catch {
    return undefined;
  }
}
