import type { FlagSpecs, Flags } from "./flags.ts";
import type { KubectlIo } from "./io.ts";
import type { Session } from "./session.ts";

/** One command of the client: `kubectl get`, `kubectl create deployment`. */
export interface KubectlCommand {
  /** The full name, where the command is also known by others: `deployment` for `deploy`. */
  readonly name?: string;
  /** What follows the command's name: `(TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE/NAME …)`. */
  readonly usage: string;
  /** One line for lists of commands. */
  readonly summary: string;
  readonly flags?: FlagSpecs;
  /** Flags without which the command is refused. */
  readonly required?: readonly string[];
  readonly subcommands?: Readonly<Record<string, () => Promise<KubectlCommand>>>;
  /** The exit code; nothing means 0. Commands that only group others have none. */
  run?(context: CommandContext): Promise<number | void>;
  /** Whether Ctrl-C ends it with 1 at once, as it only watches. Others tidy up, or are ended by the signal. */
  failsOnInterrupt?(flags: Flags): boolean;
  /** All words are arguments, also those that look like flags. */
  readonly takesAllWords?: boolean;
  /**
   * Where a command that only groups others prints its help when called without one of them; `success` also after an
   * unknown one. By default standard output, with 1 as the exit code.
   */
  readonly bareHelp?: "stderr" | "success";
}

export interface CommandContext {
  readonly io: KubectlIo;
  readonly session: Session;
  readonly flags: Flags;
  readonly args: readonly string[];
  /** How many arguments stood before `--`; undefined without one. */
  readonly dashAt: number | undefined;
  /** `kubectl create deployment`. */
  readonly path: string;
}

/** The ending of messages about wrong use. */
export const usageHint = (path: string): string => `See '${path} -h' for help and examples`;
