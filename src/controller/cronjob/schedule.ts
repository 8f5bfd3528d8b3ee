/**
 * Cron schedules as Kubernetes reads them (robfig/cron, standard parser): five fields, names of months and days, `@hourly`
 * and its like, `@every 1h30m`. Wall-clock time is that of a time zone.
 */
export interface Schedule {
  /** The first moment after `afterMs`, or undefined when there is none within five years. */
  next(afterMs: number, timeZone: string): number | undefined;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const bounds: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  {
    min: 1,
    max: 12,
    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  { min: 0, max: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

const macros: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const horizonMs = 5 * 366 * 24 * hourMs;

/** Throws an Error that says what is wrong with the text. */
export function parseSchedule(text: string): Schedule {
  const trimmed = text.trim();
  if (trimmed.startsWith("@every ")) return every(trimmed.slice("@every ".length).trim());
  const expression = macros[trimmed.toLowerCase()] ?? trimmed;
  if (expression.startsWith("@")) throw new Error(`unrecognized descriptor: ${trimmed}`);
  const fields = expression.split(/\s+/);
  if (fields.length !== 5)
    throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(" ")}]`);
  const sets = fields.map((field, index) => parseField(field, bounds[index] ?? { min: 0, max: 0 }));
  return { next: (afterMs, timeZone) => nextMatch(sets, afterMs, timeZone) };
}

interface FieldSet {
  readonly values: ReadonlySet<number>;
  /** `*` and `?`: days of month and week then do not narrow each other. */
  readonly star: boolean;
}

function parseField(field: string, range: Bounds): FieldSet {
  const values = new Set<number>();
  let star = false;
  for (const part of field.split(",")) {
    const [span = "", step, ...rest] = part.split("/");
    if (rest.length > 0) throw new Error(`too many slashes: ${part}`);
    const every = step === undefined ? 1 : parseNumber(step, part);
    if (every === 0) throw new Error(`step of range should be a positive number: ${part}`);
    let [from, to] = [range.min, range.max];
    if (span === "*" || span === "?") star ||= step === undefined || every === 1;
    else {
      const [first = "", last, ...more] = span.split("-");
      if (more.length > 0) throw new Error(`too many hyphens: ${part}`);
      from = parseValue(first, range);
      to = last === undefined ? (step === undefined ? from : range.max) : parseValue(last, range);
    }
    if (from < range.min)
      throw new Error(`beginning of range (${from}) below minimum (${range.min}): ${part}`);
    if (to > range.max) throw new Error(`end of range (${to}) above maximum (${range.max}): ${part}`);
    if (from > to) throw new Error(`beginning of range (${from}) beyond end of range (${to}): ${part}`);
    for (let value = from; value <= to; value += every) values.add(value);
  }
  return { values, star };
}

function parseValue(text: string, range: Bounds): number {
  const named = range.names?.indexOf(text.toLowerCase()) ?? -1;
  return named >= 0 ? named + range.min : parseNumber(text, text);
}

function parseNumber(text: string, within: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`failed to parse int from ${within}`);
  return Number(text);
}

function every(duration: string): Schedule {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(h|m|s)/g)];
  const unitsMs: Readonly<Record<string, number>> = { h: hourMs, m: minuteMs, s: 1000 };
  if (parts.map(([whole]) => whole).join("") !== duration || duration === "") {
    throw new Error(`failed to parse duration @every ${duration}`);
  }
  const totalMs = parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (unitsMs[unit ?? ""] ?? 0),
    0,
  );
  const delayMs = Math.max(1000, Math.floor(totalMs / 1000) * 1000);
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + delayMs };
}

function nextMatch(sets: readonly FieldSet[], afterMs: number, timeZone: string): number | undefined {
  const [minutes, hours, days, months, weekdays] = sets as readonly [
    FieldSet,
    FieldSet,
    FieldSet,
    FieldSet,
    FieldSet,
  ];
  const local = localClock(timeZone);
  let atMs = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
  while (atMs < afterMs + horizonMs) {
    const now = local(atMs);
    const dayFits =
      days.star || weekdays.star
        ? days.values.has(now.day) && weekdays.values.has(now.weekday)
        : days.values.has(now.day) || weekdays.values.has(now.weekday);
    const untilHour = (60 - now.minute) * minuteMs;
    if (!months.values.has(now.month) || !dayFits) {
      // To the next local midnight by whole hours: days of 23 and 25 hours are met on the way.
      atMs += untilHour + Math.max(0, 22 - now.hour) * hourMs;
    } else if (!hours.values.has(now.hour)) atMs += untilHour;
    else if (minutes.values.has(now.minute)) return atMs;
    else atMs += minuteMs;
  }
  return undefined;
}

interface LocalTime {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

function localClock(timeZone: string): (ms: number) => LocalTime {
  if (timeZone === "UTC" || timeZone === "Etc/UTC") {
    return (ms) => {
      const date = new Date(ms);
      return {
        minute: date.getUTCMinutes(),
        hour: date.getUTCHours(),
        day: date.getUTCDate(),
        month: date.getUTCMonth() + 1,
        weekday: date.getUTCDay(),
      };
    };
  }
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    weekday: "short",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  const weekdays = bounds[4]?.names ?? [];
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    return {
      minute: Number(parts["minute"]),
      hour: Number(parts["hour"]),
      day: Number(parts["day"]),
      month: Number(parts["month"]),
      weekday: weekdays.indexOf((parts["weekday"] ?? "").toLowerCase()),
    };
  };
}
