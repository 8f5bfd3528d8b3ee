import { goValue } from "../go-value.ts";

/** What Go calls the type of a value out of JSON. */
export function goTypeName(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}

const shown = (value: unknown): string => (value === undefined ? "<nil>" : goValue(value));

/** As fmt.Sprintf, for the values that templates meet: JSON's. */
export function goSprintf(format: string, values: readonly unknown[]): string {
  let next = 0;
  const text = format.replaceAll(
    /%([-+# 0]*)(\d+|\*)?(?:(\.)(\d+|\*)?)?(.)?/gsu,
    (_, flags: string, width?: string, point?: string, precision?: string, verb?: string) => {
      if (verb === undefined) return "%!(NOVERB)";
      if (verb === "%") return "%";
      const number = (given: string | undefined): number | undefined =>
        given === undefined ? undefined : Number(given === "*" ? values[next++] : given);
      const size = number(width);
      const digits = point === undefined ? undefined : (number(precision) ?? 0);
      if (next >= values.length) return `%!${verb}(MISSING)`;
      return padded(formatOne({ verb, flags, digits }, values[next++]), flags, size);
    },
  );
  const extra = values.slice(next);
  if (extra.length === 0) return text;
  const listed = extra.map((value) =>
    value === null || value === undefined ? "<nil>" : `${goTypeName(value)}=${shown(value)}`,
  );
  return `${text}%!(EXTRA ${listed.join(", ")})`;
}

interface Directive {
  readonly verb: string;
  readonly flags: string;
  readonly digits: number | undefined;
}

function padded(text: string, flags: string, width: number | undefined): string {
  if (width === undefined) return text;
  if (flags.includes("-")) return text.padEnd(width);
  const isNumber = /^[+-]?[\d.]+(?:e[+-]\d+)?$/.test(text);
  if (!flags.includes("0") || !isNumber) return text.padStart(width);
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(width - sign.length, "0");
}

function formatOne(directive: Directive, value: unknown): string {
  const { verb } = directive;
  if (verb === "v") return typeof value === "number" ? signed(shown(value), directive) : shown(value);
  if (verb === "T") return goTypeName(value);
  const text =
    typeof value === "string"
      ? formatString(directive, value)
      : typeof value === "number"
        ? formatNumber(directive, value)
        : typeof value === "boolean"
          ? verb === "t"
            ? String(value)
            : undefined
          : formatCompound(directive, value);
  if (text !== undefined) return text;
  if (value === null || value === undefined) return `%!${verb}(<nil>)`;
  return `%!${verb}(${goTypeName(value)}=${shown(value)})`;
}

function signed(text: string, { flags }: Directive): string {
  if (text.startsWith("-")) return text;
  return flags.includes("+") ? `+${text}` : flags.includes(" ") ? ` ${text}` : text;
}

function formatString({ verb, flags, digits }: Directive, value: string): string | undefined {
  const cut = digits === undefined ? value : Array.from(value).slice(0, digits).join("");
  if (verb === "s") return cut;
  if (verb === "q") return flags.includes("#") && !cut.includes("`") ? `\`${cut}\`` : JSON.stringify(cut);
  const hex = Buffer.from(cut).toString("hex");
  return verb === "x" ? hex : verb === "X" ? hex.toUpperCase() : undefined;
}

const bases: Readonly<Record<string, number>> = { d: 10, x: 16, X: 16, o: 8, b: 2 };

function formatNumber(directive: Directive, value: number): string | undefined {
  const { verb, digits } = directive;
  if (Number.isInteger(value)) {
    const base = bases[verb];
    if (base !== undefined) {
      const text = value.toString(base);
      return signed(verb === "X" ? text.toUpperCase() : text, directive);
    }
    if (verb === "c") return String.fromCodePoint(value);
    return verb === "q" ? `'${String.fromCodePoint(value)}'` : undefined;
  }
  if (verb === "f" || verb === "F") return signed(value.toFixed(digits ?? 6), directive);
  if (verb === "g" || verb === "G") {
    return signed(digits === undefined ? shown(value) : String(Number(value.toPrecision(digits))), directive);
  }
  if (verb !== "e" && verb !== "E") return undefined;
  const text = value.toExponential(digits ?? 6).replace(/e([+-])(\d)$/, "e$10$2");
  return signed(verb === "e" ? text : text.toUpperCase(), directive);
}

/** A verb for simple values goes for what a list or map holds. */
function formatCompound(directive: Directive, value: unknown): string | undefined {
  if (value === null || typeof value !== "object") return undefined;
  if (Array.isArray(value)) return `[${value.map((item) => formatOne(directive, item)).join(" ")}]`;
  const entries = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${formatOne(directive, key)}:${formatOne(directive, inner)}`);
  return `map[${entries.join(" ")}]`;
}
