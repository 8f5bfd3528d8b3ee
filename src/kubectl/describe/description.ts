import { humanDuration } from "../printers/age.ts";
import { alignTabs, describeLayout } from "../printers/tab-writer.ts";

/**
 * The text of `kubectl describe` as it grows: lines with tabs between their columns, aligned at the end. What stands before
 * a break does not widen the columns after it.
 */
export class Description {
  readonly #nowMs: number;
  readonly #aligned: string[] = [];
  #text = "";

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** Two blanks for each level, then the text, without a line break of its own. */
  write(level: number, text: string): this {
    this.#text += "  ".repeat(level) + text;
    return this;
  }

  line(level: number, text: string): this {
    return this.write(level, `${text}\n`);
  }

  /** `Label:   value`. */
  field(label: string, value: Printable, level = 0): this {
    return this.line(level, `${label}:\t${textOf(value)}`);
  }

  /** A row of columns. */
  row(level: number, ...cells: readonly Printable[]): this {
    return this.line(level, cells.map((cell) => textOf(cell)).join("\t"));
  }

  /** `Labels:   a=b` with one pair a line, in order. */
  labels(title: string, labels: Readonly<Record<string, string>> | undefined): this {
    const pairs = Object.entries(labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return this.several(
      title,
      pairs.map(([key, value]) => `${key}=${value}`),
    );
  }

  /** Values below each other, the first beside the title; `<none>` for none. */
  several(title: string, values: readonly string[], indent = ""): this {
    if (values.length === 0) return this.line(0, `${title}:\t<none>`);
    for (const [index, value] of values.entries()) {
      this.line(0, index === 0 ? `${title}:\t${value}` : `${indent}\t${value}`);
    }
    return this;
  }

  /** Long values and those of several lines go below their key. The note that apply keeps is left out. */
  annotations(title: string, annotations: Readonly<Record<string, string>> | undefined): this {
    const keys = Object.keys(annotations ?? {})
      .filter((key) => key !== "kubectl.kubernetes.io/last-applied-configuration")
      .sort();
    if (keys.length === 0) return this.line(0, `${title}:\t<none>`);
    for (const [index, key] of keys.entries()) {
      const value = (annotations?.[key] ?? "").replace(/\n$/, "");
      const start = index === 0 ? `${title}:\t` : "\t";
      if (value.length + key.length + 2 > annotationMax || value.includes("\n")) {
        this.line(0, `${start}${key}:`);
        for (const part of value.split("\n")) this.line(0, `\t  ${shorten(part, annotationMax - 2)}`);
      } else this.line(0, `${start}${key}: ${value}`);
    }
    return this;
  }

  /** How long ago. */
  since(time: string | undefined | null): string {
    if (time === undefined || time === null || time === "") return "<unknown>";
    return humanDuration(this.#nowMs - Date.parse(time));
  }

  /** Columns start anew. */
  break(): this {
    this.#aligned.push(alignTabs(this.#text, describeLayout));
    this.#text = "";
    return this;
  }

  /** With the tabs as they were written. */
  raw(): string {
    return this.#text;
  }

  toString(): string {
    return this.#aligned.join("") + alignTabs(this.#text, describeLayout);
  }
}

const annotationMax = 140;

/** What a value may be: nothing is printed as nothing. */
export type Printable = string | number | boolean | undefined | null | { toString(): string };

const textOf = (value: Printable): string => (value ?? "").toString();

const shorten = (text: string, max: number): string =>
  text.length > max ? `${text.slice(0, max)}...` : text;

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Sat, 21 Nov 2026 10:03:48 +0000`, in this machine's time zone; no time is Go's year one. */
export function rfc1123(time: string | undefined | null): string {
  if (time === undefined || time === null || time === "") return "Mon, 01 Jan 0001 00:00:00 +0000";
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${days[date.getDay()]}, ${two(date.getDate())} ${months[date.getMonth()]} ${date.getFullYear()} ${clock} ${zone}`;
}

export const orNone = (text: string): string => (text === "" ? "<none>" : text);

/** Go's booleans as describe prints them. */
export const trueFalse = (value: boolean | undefined): string => (value === true ? "True" : "False");
export const trueFalseUnset = (value: boolean | undefined | null): string =>
  value === undefined || value === null ? "<unset>" : trueFalse(value);

/** `[a b]`, as Go prints a list. */
export const goList = (values: readonly string[] | undefined): string => `[${(values ?? []).join(" ")}]`;
