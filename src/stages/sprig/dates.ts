import { parseDurationMs } from "../../apimachinery/duration.ts";
import type { TemplateFunction } from "../../apimachinery/go-template/functions.ts";
import { parseTime } from "../../apimachinery/time.ts";
import { number, text } from "./values.ts";

const months = "January February March April May June July August September October November December".split(
  " ",
);
const days = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const two = (value: number): string => String(value).padStart(2, "0");

/** The parts of Go's layouts, in the order in which they are looked for. */
const parts: readonly (readonly [string, (date: Date) => string])[] = [
  ["January", (date) => months[date.getUTCMonth()] ?? ""],
  ["Monday", (date) => days[date.getUTCDay()] ?? ""],
  ["Jan", (date) => (months[date.getUTCMonth()] ?? "").slice(0, 3)],
  ["Mon", (date) => (days[date.getUTCDay()] ?? "").slice(0, 3)],
  ["MST", () => "UTC"],
  ["2006", (date) => String(date.getUTCFullYear()).padStart(4, "0")],
  ["Z07:00", () => "Z"],
  ["-07:00", () => "+00:00"],
  ["-0700", () => "+0000"],
  ["01", (date) => two(date.getUTCMonth() + 1)],
  ["02", (date) => two(date.getUTCDate())],
  ["03", (date) => two(date.getUTCHours() % 12 || 12)],
  ["04", (date) => two(date.getUTCMinutes())],
  ["05", (date) => two(date.getUTCSeconds())],
  ["06", (date) => two(date.getUTCFullYear() % 100)],
  ["15", (date) => two(date.getUTCHours())],
  [".000000", (date) => `.${String(date.getUTCMilliseconds()).padStart(3, "0")}000`],
  [".000", (date) => `.${String(date.getUTCMilliseconds()).padStart(3, "0")}`],
  ["_2", (date) => String(date.getUTCDate()).padStart(2, " ")],
  ["PM", (date) => (date.getUTCHours() < 12 ? "AM" : "PM")],
  ["1", (date) => String(date.getUTCMonth() + 1)],
  ["2", (date) => String(date.getUTCDate())],
  ["3", (date) => String(date.getUTCHours() % 12 || 12)],
  ["4", (date) => String(date.getUTCMinutes())],
  ["5", (date) => String(date.getUTCSeconds())],
];
const part = new RegExp(parts.map(([name]) => name.replace(".", "\\.")).join("|"), "g");

/** As Go prints a moment by a layout, in UTC. */
const formatted = (ms: number, layout: string): string =>
  layout.replaceAll(part, (name) => parts.find(([known]) => known === name)?.[1](new Date(ms)) ?? name);

/** Dates are milliseconds here; what is printed of them passes through a layout. */
export function dateFunctions(nowMs: () => number): Readonly<Record<string, TemplateFunction>> {
  const moment = (value: unknown): number =>
    typeof value === "string" ? (parseTime(value) ?? nowMs()) : typeof value === "number" ? value : nowMs();
  const moved = (by: unknown, date: unknown): number => moment(date) + (parseDurationMs(text(by)) ?? 0);
  const date: TemplateFunction = (layout, value) => formatted(moment(value), text(layout));
  return {
    now: nowMs,
    date,
    dateInZone: (layout, value) => date(layout, value),
    date_in_zone: (layout, value) => date(layout, value),
    htmlDate: (value) => date("2006-01-02", value),
    dateModify: moved,
    date_modify: moved,
    mustDateModify: moved,
    toDate: (layout, value) => Date.parse(`${text(value)}${text(layout).includes("Z07") ? "" : "Z"}`),
    unixEpoch: (value) => String(Math.floor(moment(value) / 1000)),
    duration: (seconds) => {
      const all = number(seconds);
      const [hours, minutes] = [Math.floor(all / 3600), Math.floor((all % 3600) / 60)];
      return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${all % 60}s`;
    },
  };
}
