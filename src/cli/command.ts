import { parseArgs } from "node:util";
import { InstanceError } from "../cluster/instance.ts";

/**
 * The shape of every command: a file `cli/<name>.ts` that exports one of these, listed in `cli/index.ts` with a loader,
 * so that a command pays only for what it imports itself.
 */
export interface Command {
  readonly name: string;
  /** `up [FILE…]` */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly description?: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Each with a comment: `sampan up examples/hello.yaml   # start and run an app`. */
  readonly examples: readonly string[];
  /** How many positional arguments are allowed. */
  readonly maxArguments: number;
  /** The process's exit code. Throwing CommandError prints its message and its remedy. */
  run(options: OptionValues, positionals: readonly string[], io: Io): Promise<number>;
}

export interface OptionSpec {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly description: string;
  /** Shown in help: `NAME`, `PORT`. */
  readonly value?: string;
  readonly default?: string;
  /** Holds unless it is denied: `--no-history`, or `--history=false`. */
  readonly isOn?: true;
  /** Given several times, its values are joined by commas. */
  readonly repeats?: true;
  /** Help lists options of one group together, under this heading. */
  readonly group?: string;
}

export type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

/** Where a command talks to. Colours only on a terminal and without NO_COLOR. */
export interface Io {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** True when standard error is a terminal that shows colours and redraws lines. */
  readonly interactive: boolean;
  readonly environment: NodeJS.ProcessEnv;
}

/** A failure that the user can act on: what happened and why, then what to do next. */
export class CommandError extends Error {
  readonly remedy: string | undefined;
  readonly exitCode: number;

  constructor(
    message: string,
    { remedy, exitCode = 1, cause }: { remedy?: string; exitCode?: number; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = "CommandError";
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** Exit code of a command line that cannot be understood. */
export const usageExitCode = 2;

export const nameOption: OptionSpec = {
  type: "string",
  value: "NAME",
  default: "sampan",
  description: "the cluster's name; several live side by side",
};

/** Parses the arguments and runs the command; `--help` prints its help. */
export async function runCommand(command: Command, argv: readonly string[], io: Io): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    io.out(helpText(command));
    return 0;
  }
  let parsed: { values: OptionValues; positionals: string[] };
  try {
    const { values, positionals } = parseArgs({
      args: argv.map((argument) => spelledOut(command, argument)),
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        accepted(command).map(([name, { type, short, repeats, default: fallback }]) => [
          name,
          {
            type,
            ...(short === undefined ? {} : { short }),
            ...(repeats === undefined ? {} : { multiple: true }),
            ...(fallback === undefined ? {} : { default: fallback }),
          },
        ]),
      ),
    });
    parsed = { values: withDenied(command, joinRepeated(values)), positionals };
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split(". ")[0] ?? cause.message) : String(cause);
    throw new CommandError(`sampan ${command.name}: ${why}`, {
      remedy: `sampan ${command.name} --help lists the options`,
      exitCode: usageExitCode,
      cause,
    });
  }
  if (parsed.positionals.length > command.maxArguments) {
    throw new CommandError(
      `sampan ${command.name}: unexpected argument "${parsed.positionals[command.maxArguments]}"`,
      {
        remedy: `usage: sampan ${command.usage}`,
        exitCode: usageExitCode,
      },
    );
  }
  try {
    return await command.run(parsed.values, parsed.positionals, io);
  } catch (error) {
    if (error instanceof InstanceError)
      throw new CommandError(error.message, { remedy: error.remedy, cause: error });
    if (isDiskFull(error)) throw diskFull(error);
    const { code, path } = error as NodeJS.ErrnoException;
    if ((code === "EACCES" || code === "EROFS") && path !== undefined) {
      const why = code === "EROFS" ? "its disk is read-only" : "permission denied";
      throw new CommandError(`${path} cannot be used: ${why}`, {
        remedy: "run as a user who may use it, or name another folder with SAMPAN_HOME",
        cause: error,
      });
    }
    throw error;
  }
}

/** The options, and for each that is on the one that denies it. */
function accepted({ options }: Command): (readonly [name: string, option: OptionSpec])[] {
  return Object.entries(options).flatMap(([name, option]): (readonly [string, OptionSpec])[] => {
    const { type, description } = option;
    return [
      [name, option],
      ...(option.isOn === true ? [[`no-${name}`, { type, description }] as const] : []),
    ];
  });
}

/** As Go's flags do, `--history=false` denies what `--no-history` does. */
function spelledOut({ options }: Command, argument: string): string {
  const [, name = "", value] = /^--([^=]+)=(true|false)$/.exec(argument) ?? [];
  if (options[name]?.isOn !== true) return argument;
  return value === "true" ? `--${name}` : `--no-${name}`;
}

function withDenied({ options }: Command, values: OptionValues): OptionValues {
  const denied = Object.keys(options).filter((name) => options[name]?.isOn && values[`no-${name}`] === true);
  return { ...values, ...Object.fromEntries(denied.map((name) => [name, false])) };
}

function joinRepeated(values: Record<string, OptionValues[string] | (string | boolean)[]>): OptionValues {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]),
  );
}

/** An error that another thread or room has passed on may have only its message left, which Node begins with the code. */
export const isDiskFull = (error: unknown): boolean =>
  error instanceof Error &&
  (("code" in error && error.code === "ENOSPC") || error.message.startsWith("ENOSPC:"));

/** What a person does about it is the same wherever it happened. */
function diskFull(cause: unknown): CommandError {
  const path = (cause as NodeJS.ErrnoException).path;
  return new CommandError(`the disk is full${path === undefined ? "" : `: ${path} could not be written`}`, {
    remedy: "free some space and run this again; nothing is lost",
    cause,
  });
}

export function helpText(command: Command): string {
  const lines = [command.description ?? `${command.summary}.`, "", "Usage:", `  sampan ${command.usage}`];
  if (command.examples.length > 0)
    lines.push("", "Examples:", ...command.examples.map((example) => `  ${example}`));
  const groups = Map.groupBy(Object.entries(command.options), ([, { group = "Options" }]) => group);
  for (const [heading, options] of groups) lines.push("", `${heading}:`, ...optionLines(options));
  return `${lines.join("\n")}\n`;
}

function optionLines(options: readonly (readonly [name: string, option: OptionSpec])[]): string[] {
  const rows = options.map(([name, option]) => {
    const flag = `${option.short === undefined ? "    " : `-${option.short}, `}--${option.isOn === true ? "no-" : ""}${name}${option.value === undefined ? "" : ` ${option.value}`}`;
    const fallback = option.default === undefined ? "" : ` (default ${option.default})`;
    return [flag, `${option.description}${fallback}`] as const;
  });
  const width = Math.max(0, ...rows.map(([flag]) => flag.length));
  return rows.map(([flag, text]) => `  ${flag.padEnd(width)}  ${text}`);
}

/** The value of a string option, which has a default or was checked to be present. */
export function text(options: OptionValues, name: string): string {
  const value = options[name];
  return typeof value === "string" ? value : "";
}
