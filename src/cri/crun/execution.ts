/** One run of the runtime's exec: the command, its process in the container, and its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { programEnvironment } from "../../linux/spawned-operations.ts";
import { CriError } from "../runtime.ts";
import { cleanMessage } from "./conmon.ts";
import { execProcess } from "./containers.ts";
import { type Engine, newId } from "./engine.ts";

/** A command under way. Its files are in a folder of the container and go with `release`. */
export interface Execution {
  readonly child: ChildProcess;
  /** Resolves with the exit code; rejects when the command could not be started. */
  readonly exited: Promise<number>;
  /** Kills the command inside the container, and the runtime that waits for it. */
  kill(): void;
}

export type Stdio = "ignore" | "pipe" | number;

/**
 * How a terminal comes about: the runtime sends one to a socket, or `script` makes one around the runtime and joins it
 * with its own standard input and output.
 */
export type TerminalWay = { readonly kind: "socket"; readonly path: string } | { readonly kind: "script" };

/** Starts `exec` of the runtime in the foreground: a detached one would lose its exit code. */
export function startExecution(
  engine: Engine,
  id: string,
  command: readonly string[],
  stdio: readonly [Stdio, Stdio, Stdio],
  terminal?: TerminalWay,
): Execution {
  const directory = join(engine.containers.directory(id), `exec-${newId(engine.random).slice(0, 8)}`);
  mkdirSync(directory, { mode: 0o700 });
  const file = (name: string): string => join(directory, name);
  writeFileSync(file("process.json"), execProcess(engine, id, command, terminal !== undefined), {
    mode: 0o600,
  });
  const line = [
    engine.oci.program,
    ...engine.oci.command.args,
    `--log=${file("log")}`,
    "exec",
    `--process=${file("process.json")}`,
    `--pid-file=${file("pid")}`,
    ...(terminal === undefined ? [] : ["--tty"]),
    ...(terminal?.kind === "socket" ? [`--console-socket=${terminal.path}`] : []),
    id,
  ];
  const [program = "", ...args] = terminal?.kind === "script" ? inScript(line) : line;
  const child = spawn(program, args, { stdio: [...stdio], env: { PATH: programEnvironment["PATH"] } });
  const exited = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      const started = readPid(file("pid")) !== undefined;
      const message = readLog(file("log"));
      rmSync(directory, { recursive: true, force: true });
      if (started || (message === "" && code !== null)) resolve(code ?? 128 + signalOffset(signal));
      else
        reject(
          new CriError("internal", `failed to exec in container: ${message || `runtime ended by ${signal}`}`),
        );
    });
  });
  // The caller may look at it late.
  exited.catch(() => undefined);
  return {
    child,
    exited,
    kill: () => {
      // The runtime collects its command and ends by itself; killed first, it would leave a zombie that the
      // container's own end has to wait for.
      const pid = readPid(file("pid"));
      if (pid === undefined) child.kill("SIGKILL");
      else killQuietly(pid);
    },
  };
}

/** Quietly, flushing at once, and ending with the command's own code. */
function inScript(line: readonly string[]): string[] {
  const quoted = line.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return ["script", "-qfec", quoted, "/dev/null"];
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

const signalOffset = (signal: NodeJS.Signals | null): number => (signal === "SIGTERM" ? 15 : 9);

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8").trim());
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function readLog(path: string): string {
  try {
    return cleanMessage(readFileSync(path, "utf8"));
  } catch {
    return "";
  }
}
