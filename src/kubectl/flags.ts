import { parseDurationMs } from "../apimachinery/duration.ts";
import { KubectlError } from "./errors.ts";

/**
 * Flags as spf13/pflag reads them: `--name value`, `--name=value`, `-nvalue`, `-n value`, `-it`, flags and arguments in any
 * order, nothing but arguments after `--`.
 */
export interface FlagSpec {
  /** `list` splits at commas, `array` does not; both may be given again. */
  readonly type: "bool" | "string" | "int" | "duration" | "list" | "array";
  readonly short?: string;
  readonly default?: string | number | boolean;
  /** What a flag without a value means; then the value can only follow after "=". */
  readonly optional?: string;
  /** One line for `--help`. */
  readonly help?: string;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

type FlagValue = string | number | boolean | readonly string[];

export interface ParsedArguments {
  readonly flags: Flags;
  readonly args: readonly string[];
  /** How many arguments stood before `--`; undefined without one. */
  readonly dashAt: number | undefined;
}

/** The flags of one command, with defaults. Asking for a flag that was not declared is a mistake in the program. */
export class Flags {
  readonly #specs: FlagSpecs;
  readonly #values = new Map<string, FlagValue>();

  constructor(specs: FlagSpecs) {
    this.#specs = specs;
  }

  set(name: string, value: FlagValue): void {
    this.#values.set(name, value);
  }

  changed(name: string): boolean {
    return this.#values.has(name);
  }

  has(name: string): boolean {
    return this.#specs[name] !== undefined;
  }

  string(name: string): string {
    return String(this.#get(name) ?? "");
  }

  bool(name: string): boolean {
    return this.#get(name) === true;
  }

  int(name: string): number {
    return Number(this.#get(name) ?? 0);
  }

  /** Milliseconds. */
  durationMs(name: string): number {
    return Number(this.#get(name) ?? 0);
  }

  list(name: string): readonly string[] {
    const value = this.#get(name);
    return Array.isArray(value) ? (value as readonly string[]) : [];
  }

  /** These flags alone, but not those that others declare for themselves. */
  only(specs: FlagSpecs, but: FlagSpecs): Flags {
    const flags = new Flags(specs);
    for (const [name, value] of this.#values) {
      if (specs[name] !== undefined && but[name] === undefined) flags.set(name, value);
    }
    return flags;
  }

  #get(name: string): FlagValue | undefined {
    const spec = this.#specs[name];
    if (spec === undefined) throw new Error(`the flag --${name} is not declared`);
    return this.#values.get(name) ?? spec.default;
  }
}

/** Parses the arguments of a command. Throws KubectlError in pflag's words. */
export function parseFlags(specs: FlagSpecs, argv: readonly string[]): ParsedArguments {
  const flags = new Flags(specs);
  const args: string[] = [];
  const shorts = new Map(
    Object.entries(specs).flatMap(([name, { short }]) => (short === undefined ? [] : [[short, name]])),
  );
  let dashAt: number | undefined;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    const next = argv[index + 1];
    if (word === "--") {
      dashAt = args.length;
      args.push(...argv.slice(index + 1));
      break;
    }
    if (word.startsWith("--")) index += parseLong(flags, specs, word, next);
    else if (word.startsWith("-") && word.length > 1) index += parseShorts(flags, specs, shorts, word, next);
    else args.push(word);
  }
  return { flags, args, dashAt };
}

/** How many further words were used. */
function parseLong(flags: Flags, specs: FlagSpecs, word: string, next: string | undefined): number {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  if (name === "" || name.startsWith("-") || name.startsWith("="))
    throw new KubectlError(`bad flag syntax: ${word}`);
  const spec = specs[name];
  if (spec === undefined) throw new KubectlError(`unknown flag: --${name}`);
  if (equals >= 0) setFlag(flags, name, spec, word.slice(equals + 1));
  else if (optionalValue(spec) !== undefined) setFlag(flags, name, spec, optionalValue(spec) ?? "");
  else if (next === undefined) throw new KubectlError(`flag needs an argument: --${name}`);
  else {
    setFlag(flags, name, spec, next);
    return 1;
  }
  return 0;
}

function parseShorts(
  flags: Flags,
  specs: FlagSpecs,
  shorts: ReadonlyMap<string, string>,
  word: string,
  next: string | undefined,
): number {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? "";
    const name = shorts.get(letter);
    const spec = name === undefined ? undefined : specs[name];
    if (name === undefined || spec === undefined) {
      throw new KubectlError(`unknown shorthand flag: '${letter}' in -${word.slice(at)}`);
    }
    const rest = word.slice(at + 1);
    if (rest.length > 1 && rest.startsWith("=")) {
      setFlag(flags, name, spec, rest.slice(1));
      return 0;
    }
    const optional = optionalValue(spec);
    if (optional !== undefined) {
      setFlag(flags, name, spec, optional);
      continue;
    }
    if (rest !== "") {
      setFlag(flags, name, spec, rest);
      return 0;
    }
    if (next === undefined) {
      throw new KubectlError(`flag needs an argument: '${letter}' in -${word.slice(at)}`);
    }
    setFlag(flags, name, spec, next);
    return 1;
  }
  return 0;
}

const optionalValue = (spec: FlagSpec): string | undefined => (spec.type === "bool" ? "true" : spec.optional);

function setFlag(flags: Flags, name: string, spec: FlagSpec, text: string): void {
  const wrong = (why: string): never => {
    const shown = spec.short === undefined ? `--${name}` : `-${spec.short}, --${name}`;
    throw new KubectlError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${why}`);
  };
  switch (spec.type) {
    case "bool": {
      const value = parseBool(text);
      flags.set(name, value ?? wrong(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`));
      return;
    }
    case "int":
      if (!/^[+-]?\d+$/.test(text))
        wrong(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
      flags.set(name, Number(text));
      return;
    case "duration":
      flags.set(name, parseDurationMs(text) ?? wrong(durationError(text)));
      return;
    case "list":
      flags.set(name, [...(flags.changed(name) ? flags.list(name) : []), ...splitList(text)]);
      return;
    case "array":
      flags.set(name, [...(flags.changed(name) ? flags.list(name) : []), text]);
      return;
    case "string":
      flags.set(name, text);
  }
}

const durationError = (text: string): string =>
  /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)
    ? `time: missing unit in duration ${JSON.stringify(text)}`
    : `time: invalid duration ${JSON.stringify(text)}`;

/** As strconv.ParseBool. */
export function parseBool(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  return undefined;
}

/** One line of CSV, as pflag's slices are read: quotes hold commas together. */
function splitList(text: string): string[] {
  if (text === "") return [];
  return (text.match(/"(?:[^"]|"")*"|[^,]+|(?<=,)(?=,|$)|^(?=,)/g) ?? []).map((part) =>
    part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part,
  );
}
