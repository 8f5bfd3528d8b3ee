/** One run of the runtime's exec: the command, its process in the container, and its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { programEnvironment } from "../../linux/spawned-operations.ts";
import { CriError } from "../runtime.ts";
import { cleanMessage } from "./conmon.ts";
import { execProcess } from "./containers.ts";
import { type Engine, newId } from "./engine.ts";
import { throughRelays } from "./relays.ts";

/** A command under way. Its files are in a folder of the container and go with `release`. */
export interface Execution {
  readonly child: ChildProcess;
  /** Resolves with the exit code; rejects when the command could not be started. */
  readonly exited: Promise<number>;
  /** Kills the command inside the container, and the runtime that waits for it. */
  kill(): void;
  /** Ends relays that are left, which may wait for processes that the command left running. Call it in the end. */
  release(): void;
}

/**
 * What the command gets as its streams: pipes, whose other ends relays hold; a terminal that the runtime sends to a
 * socket; or one that `script` makes around the runtime and joins with its own standard input and output.
 */
export type StreamsWay =
  | { readonly kind: "pipes"; readonly stdin: boolean }
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "script" };

/** Starts `exec` of the runtime in the foreground: a detached one would lose its exit code. */
export function startExecution(
  engine: Engine,
  id: string,
  command: readonly string[],
  way: StreamsWay,
): Execution {
  const directory = join(engine.places.container(id), `exec-${newId(engine.random).slice(0, 8)}`);
  mkdirSync(directory, { mode: 0o700 });
  const file = (name: string): string => join(directory, name);
  writeFileSync(file("process.json"), execProcess(engine, id, command, way.kind !== "pipes"), {
    mode: 0o600,
  });
  const line = [
    engine.oci.program,
    ...engine.oci.command.args,
    `--log=${file("log")}`,
    "exec",
    `--process=${file("process.json")}`,
    `--pid-file=${file("pid")}`,
    ...(way.kind === "pipes" ? [] : ["--tty"]),
    ...(way.kind === "socket" ? [`--console-socket=${way.path}`] : []),
    id,
  ];
  const child = startProgram(line, way);
  const exited = endOf(child).then(({ code, signal }) => {
    const started = readPid(file("pid")) !== undefined;
    const message = readLog(file("log"));
    rmSync(directory, { recursive: true, force: true });
    if (started || (message === "" && code !== null)) return code ?? 128 + signalOffset(signal);
    throw new CriError("internal", `failed to exec in container: ${message || `runtime ended by ${signal}`}`);
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
      if (pid !== undefined) killQuietly(pid);
      else if (way.kind === "pipes") killGroup(child);
      else child.kill("SIGKILL");
    },
    release: () => {
      if (way.kind === "pipes") killGroup(child);
    },
  };
}

function startProgram(line: readonly string[], way: StreamsWay): ChildProcess {
  const env = { PATH: programEnvironment["PATH"] };
  if (way.kind === "socket") {
    return spawn(line[0] ?? "", line.slice(1), { stdio: "ignore", env });
  }
  if (way.kind === "script") {
    const [program = "", ...args] = inScript(line);
    return spawn(program, args, { stdio: ["pipe", "pipe", "ignore"], env });
  }
  const stdin = way.stdin ? "pipe" : "ignore";
  // In a group of its own, so that the relays can be ended with it.
  return spawn("sh", throughRelays(line, way.stdin), {
    stdio: [stdin, "pipe", "pipe", "pipe"],
    env,
    detached: true,
  });
}

interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Where there are relays, the code comes before they end: one of them may be held up for as long as the container likes,
 * and the one of input waits for more until it hears that the command has ended.
 */
function endOf(child: ChildProcess): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve({ code, signal }));
    const report = child.stdio[3] as Readable | undefined;
    report?.on("error", () => undefined);
    report?.once("data", (code: Buffer) => {
      resolve({ code: Number(String(code)), signal: null });
      // This also ends the relay of input.
      child.stdin?.destroy();
    });
  });
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

/** The relays and, unless it has ended, the runtime. */
function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
    killQuietly(-child.pid);
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
