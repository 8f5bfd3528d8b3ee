import { MessageChannel } from "node:worker_threads";
import type { Clock } from "../apimachinery/clock.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Transport } from "../apimachinery/transport.ts";
import type { KubectlCommand } from "./command.ts";
import { usageHint } from "./command.ts";
import { commands } from "./commands/index.ts";
import { describeFailure, ExitError, KubectlError, TemplateFailure } from "./errors.ts";
import { type FlagSpecs, parseFlags } from "./flags.ts";
import { commandHelp, rootHelp } from "./help.ts";
import { type KubectlIo, processIo } from "./io.ts";
import { globalFlags, Session } from "./session.ts";

export interface KubectlOptions {
  readonly io?: KubectlIo;
  readonly transport?: Transport;
  readonly clock?: Clock;
  readonly random?: Random;
}

const helpFlag: FlagSpecs = { help: { type: "bool", short: "h", help: "print this help" } };

/** The built-in client: the commands, flags, output and exit codes of kubectl. Answers with the exit code. */
export async function kubectl(argv: readonly string[], options: KubectlOptions = {}): Promise<number> {
  const io = options.io ?? processIo();
  // The clock's timers let a process end; a command that waits must not end before it has what it waits for.
  const { port1: alive } = new MessageChannel();
  alive.ref();
  alive.start();
  try {
    return await run(argv, io, options);
  } catch (error) {
    if (error instanceof TemplateFailure) io.out(error.explanation);
    const { text, exitCode } = describeFailure(error);
    io.err(text);
    return exitCode;
  } finally {
    alive.close();
  }
}

async function run(argv: readonly string[], io: KubectlIo, options: KubectlOptions): Promise<number> {
  const found = await findCommand(argv);
  const specs = { ...found.command.flags, ...globalFlagsFor(found.command), ...helpFlag };
  const rest = found.command.takesAllWords === true ? ["--", ...found.rest] : found.rest;
  const { flags, args, dashAt } = parseOrHint(specs, rest, found.path);
  if (flags.bool("help")) {
    io.out(found.path === "kubectl" ? rootHelp(commands) : await commandHelp(found.path, found.command));
    return 0;
  }
  if (found.command.run === undefined) return await withoutRun(found, args, io);
  const missing = (found.command.required ?? []).filter((name) => !flags.changed(name));
  if (missing.length > 0) {
    throw new KubectlError(
      `required flag(s) ${missing.map((name) => JSON.stringify(name)).join(", ")} not set`,
    );
  }
  const session = new Session({
    io,
    // A command may use the name of a global flag for its own: `create rolebinding --user`.
    flags: flags.only(globalFlags, found.command.flags ?? {}),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.random === undefined ? {} : { random: options.random }),
    ...(options.transport === undefined ? {} : { transport: options.transport }),
  });
  try {
    const running = found.command.run({ io, session, flags, args, dashAt, path: found.path });
    const fails = found.command.failsOnInterrupt?.(flags) === true;
    const exitCode = (await (fails ? untilInterrupted(running, io) : running)) ?? 0;
    if (session.failsOnWarnings && session.warningCount > 0) {
      const count = session.warningCount;
      throw new KubectlError(`${count} warning${count === 1 ? "" : "s"} received`);
    }
    return exitCode;
  } finally {
    session.close();
  }
}

async function untilInterrupted<T>(running: Promise<T>, io: KubectlIo): Promise<T> {
  const signal = io.interrupted();
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new ExitError(1)), { once: true });
  });
  return await Promise.race([running, ended]);
}

/** A command may use the short letter of a global flag for a flag of its own. */
function globalFlagsFor(command: KubectlCommand): FlagSpecs {
  const taken = new Set(Object.values(command.flags ?? {}).flatMap(({ short }) => short ?? []));
  return Object.fromEntries(
    Object.entries(globalFlags)
      .filter(([name]) => command.flags?.[name] === undefined)
      .map(([name, { short, ...spec }]) => [
        name,
        short === undefined || taken.has(short) ? spec : { ...spec, short },
      ]),
  );
}

interface FoundCommand {
  readonly command: KubectlCommand;
  readonly path: string;
  /** All words but the command's own. */
  readonly rest: readonly string[];
}

const root: KubectlCommand = { usage: "[command]", summary: "controls the cluster" };

/** Follows the words that are no flags down the tree of commands. */
async function findCommand(argv: readonly string[]): Promise<FoundCommand> {
  let command = root;
  let path = "kubectl";
  // `help get` is `get --help`.
  let rest = argv[0] === "help" ? [...argv.slice(1), "--help"] : [...argv];
  if (argv[0] === "__complete") {
    const { completeCommand } = await import("./commands/completion.ts");
    return { command: completeCommand, path: "kubectl __complete", rest: argv.slice(1) };
  }
  for (;;) {
    const at = firstArgument(rest, { ...command.flags, ...globalFlags });
    const word = at === undefined ? undefined : rest[at];
    if (at === undefined || word === undefined) return { command, path, rest };
    const load = command === root ? loaderOf(word, rest) : command.subcommands?.[word];
    if (load === undefined) return { command, path, rest };
    command = await load();
    path += ` ${command.name ?? word}`;
    rest = rest.toSpliced(at, 1);
  }
}

function loaderOf(word: string, rest: readonly string[]): () => Promise<KubectlCommand> {
  const entry = commands[word];
  if (entry !== undefined) return () => entry.load();
  if (rest.includes("--help") || rest.includes("-h")) return () => Promise.resolve(root);
  throw new KubectlError(`unknown command ${JSON.stringify(word)} for "kubectl"${suggestions(word)}`);
}

/** Where the first word stands that is neither a flag nor the value of one. */
function firstArgument(words: readonly string[], specs: FlagSpecs): number | undefined {
  const byShort = new Map(
    Object.values(specs).flatMap((spec) => (spec.short === undefined ? [] : [[spec.short, spec]])),
  );
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "--") return undefined;
    if (!word.startsWith("-") || word === "-") return index;
    if (word.includes("=")) continue;
    const spec = word.startsWith("--")
      ? specs[word.slice(2)]
      : word.length === 2
        ? byShort.get(word.slice(1))
        : undefined;
    if (spec !== undefined && spec.type !== "bool" && spec.optional === undefined) index++;
  }
  return undefined;
}

function parseOrHint(specs: FlagSpecs, rest: readonly string[], path: string) {
  try {
    return parseFlags(specs, rest);
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error;
    throw new KubectlError(`${error.message}\nSee '${path} --help' for usage.`, { cause: error });
  }
}

async function withoutRun(
  { command, path }: FoundCommand,
  args: readonly string[],
  io: KubectlIo,
): Promise<number> {
  if (command === root) {
    io.out(rootHelp(commands));
    return 0;
  }
  const [first] = args;
  if (command.bareHelp === "success") {
    io.out(await commandHelp(path, command));
    return 0;
  }
  if (first === undefined) {
    const help = await commandHelp(path, command);
    if (command.bareHelp === "stderr") io.err(help);
    else io.out(help);
    return 1;
  }
  throw new KubectlError(`unknown command ${JSON.stringify(first)}\n${usageHint(path)}`);
}

/** Commands within two changes of what was typed, or that begin with it. */
function suggestions(word: string): string {
  const names = Object.keys(commands).sort();
  const near = names.filter(
    (name) => distance(name, word.toLowerCase()) <= 2 || name.startsWith(word.toLowerCase()),
  );
  if (near.length === 0) return "";
  return `\n\nDid you mean this?\n${near.map((name) => `\t${name}\n`).join("")}`;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
