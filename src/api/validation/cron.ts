/**
 * Is a text a cron schedule? The syntax and the messages are those of robfig/cron's standard parser, which every client
 * of CronJobs has seen: five fields, or a descriptor such as `@hourly`.
 */
interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: Readonly<Record<string, number>>;
}

const names = (list: string, first: number): Readonly<Record<string, number>> =>
  Object.fromEntries(list.split(" ").map((name, index) => [name, index + first]));

const fields: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: names("jan feb mar apr may jun jul aug sep oct nov dec", 1) },
  { min: 0, max: 6, names: names("sun mon tue wed thu fri sat", 0) },
];

const descriptors = new Set([
  "@yearly",
  "@annually",
  "@monthly",
  "@weekly",
  "@daily",
  "@midnight",
  "@hourly",
]);

/** The first thing that is wrong, or undefined. */
export function cronError(schedule: string): string | undefined {
  if (schedule === "") return "empty spec string";
  let spec = schedule;
  if (/^(?:CRON_)?TZ=/.test(spec)) {
    const end = spec.indexOf(" ");
    const zone = spec.slice(spec.indexOf("=") + 1, end < 0 ? undefined : end);
    if (!isTimeZone(zone)) return `provided bad location ${zone}: unknown time zone ${zone}`;
    spec = end < 0 ? "" : spec.slice(end).trim();
  }
  if (spec.startsWith("@")) return descriptorError(spec);
  const parts = spec.split(/\s+/).filter((part) => part !== "");
  if (parts.length !== fields.length) {
    return `expected exactly 5 fields, found ${parts.length}: [${parts.join(" ")}]`;
  }
  for (const [index, bounds] of fields.entries()) {
    const error = fieldError(parts[index] ?? "", bounds);
    if (error !== undefined) return error;
  }
  return undefined;
}

function descriptorError(spec: string): string | undefined {
  if (descriptors.has(spec)) return undefined;
  if (spec.startsWith("@every ")) {
    const duration = spec.slice("@every ".length);
    if (/^[-+]?(?:[0-9]*\.?[0-9]+(?:ns|us|µs|μs|ms|s|m|h))+$|^0$/.test(duration)) return undefined;
    return `failed to parse duration ${spec}: time: invalid duration ${JSON.stringify(duration)}`;
  }
  return `unrecognized descriptor: ${spec}`;
}

function fieldError(field: string, bounds: Bounds): string | undefined {
  for (const range of field.split(",")) {
    const error = range === "" ? undefined : rangeError(range, bounds);
    if (error !== undefined) return error;
  }
  return undefined;
}

function rangeError(expression: string, bounds: Bounds): string | undefined {
  const [range = "", rawStep, moreSteps] = expression.split("/");
  const [low = "", high, moreRange] = range.split("-");
  let start = bounds.min;
  let end = bounds.max;
  if (low !== "*" && low !== "?") {
    const first = parseNumber(low, bounds);
    if (typeof first === "string") return first;
    start = first;
    if (high !== undefined && moreRange === undefined) {
      const last = parseNumber(high, bounds);
      if (typeof last === "string") return last;
      end = last;
    } else if (high !== undefined) return `too many hyphens: ${expression}`;
    else if (rawStep === undefined) end = start;
  }
  let step = 1;
  if (moreSteps !== undefined) return `too many slashes: ${expression}`;
  if (rawStep !== undefined) {
    const parsed = parseDigits(rawStep);
    if (typeof parsed === "string") return parsed;
    step = parsed;
  }
  if (start < bounds.min) return `beginning of range (${start}) below minimum (${bounds.min}): ${expression}`;
  if (end > bounds.max) return `end of range (${end}) above maximum (${bounds.max}): ${expression}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expression}`;
  return step === 0 ? `step of range should be a positive number: ${expression}` : undefined;
}

function parseNumber(value: string, { names: known }: Bounds): number | string {
  return known?.[value.toLowerCase()] ?? parseDigits(value);
}

function parseDigits(value: string): number | string {
  if (!/^[-+]?[0-9]+$/.test(value)) {
    return `failed to parse int from ${value}: strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`;
  }
  const parsed = Number(value);
  return parsed < 0 ? `negative number (${parsed}) not allowed: ${value}` : parsed;
}

export function isTimeZone(zone: string): boolean {
  try {
    Intl.DateTimeFormat("en-US", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
