import { type Ending, type Happening, Shell } from "./shell/shell.ts";

export type { Ending, Happening } from "./shell/shell.ts";

/** What became of a command, all at once. */
export interface Pretence extends Ending {
  /** In order. */
  readonly output: readonly {
    readonly atMs: number;
    readonly stream: "stdout" | "stderr";
    readonly text: string;
  }[];
}

/**
 * Understands enough of commands to pretend them: what they print, how long they take, how they exit. Used for the main
 * process of simulated containers and for exec in them, so that manifests written for busybox behave. What it prints comes
 * when it is asked for, one after the other: a loop may go on for ever. `env` answers `$NAME`, `env` and `hostname` (by
 * HOSTNAME).
 */
export const pretending = (
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  startedAtMs = 0,
): Generator<Happening, Ending> => new Shell(env, startedAtMs).play(command);

/** More than that nobody waits for. */
const happeningsMax = 1_000;

/** The same at once; of what goes on for ever, the beginning. */
export function pretend(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  startedAtMs = 0,
): Pretence {
  const output: { atMs: number; stream: "stdout" | "stderr"; text: string }[] = [];
  const running = pretending(command, env, startedAtMs);
  for (let count = 0; count < happeningsMax; count++) {
    const next = running.next();
    if (next.done === true) return { output, ...next.value };
    const { atMs, stream, text } = next.value;
    if (stream !== undefined && text !== undefined) output.push({ atMs, stream, text });
  }
  return { output, atMs: Infinity, exitCode: 0, understood: true, isProgram: false };
}
