/** Commands in running containers. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { programEnvironment } from "../../linux/spawned-operations.ts";
import type { ExecResult, TerminalStreams } from "../../streaming/node-connection.ts";
import { CriError, type ExecSyncResult } from "../runtime.ts";
import { cleanMessage } from "./conmon.ts";
import { execProcess, noteExit } from "./containers.ts";
import { type Engine, newId, requireContainer } from "./engine.ts";
import { execInTerminal } from "./terminal.ts";

/** A command under way. Its files are in a folder of the container and go with `release`. */
export interface Execution {
  readonly child: ChildProcess;
  /** Resolves with the exit code; rejects when the command could not be started. */
  readonly exited: Promise<number>;
  /** Kills the command inside the container, and the runtime that waits for it. */
  kill(): void;
}

/** Output beyond this is dropped, as containerd does for probes. */
const maxOutputBytes = 16 << 20;

export async function execSync(
  engine: Engine,
  id: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<ExecSyncResult> {
  requireRunning(engine, id);
  const output = { stdout: collector(), stderr: collector() };
  const pipes = await openPipes(engine);
  const execution = startExecution(engine, id, command, ["ignore", pipes.stdoutChild, pipes.stderrChild]);
  pipes.closeChildEnds();
  const stdout = pipes.stdout ?? execution.child.stdout;
  const stderr = pipes.stderr ?? execution.child.stderr;
  const drained = Promise.all([drain(stdout, output.stdout.take), drain(stderr, output.stderr.take)]);
  let timedOut = false;
  const timer =
    timeoutMs > 0
      ? engine.clock.after(timeoutMs, () => {
          timedOut = true;
          execution.kill();
          stdout?.destroy();
          stderr?.destroy();
        })
      : undefined;
  try {
    const exitCode = await execution.exited;
    if (!timedOut) await drained;
    if (timedOut) throw deadline(command, timeoutMs);
    return { exitCode, stdout: output.stdout.result(), stderr: output.stderr.result() };
  } catch (error) {
    throw timedOut ? deadline(command, timeoutMs) : error;
  } finally {
    timer?.stop();
  }
}

function deadline(command: readonly string[], timeoutMs: number): CriError {
  return new CriError(
    "deadlineExceeded",
    `command ${JSON.stringify(command.join(" "))} timed out after ${timeoutMs} ms`,
  );
}

/** Runs a command with the client's streams; resolves when it has ended and its output is written. */
export async function exec(
  engine: Engine,
  id: string,
  command: readonly string[],
  tty: boolean,
  streams: TerminalStreams,
  signal: AbortSignal,
): Promise<ExecResult> {
  requireRunning(engine, id);
  if (tty) return execInTerminal(engine, id, command, streams, signal);
  const pipes = await openPipes(engine);
  const stdio = [
    streams.stdin === undefined ? ("ignore" as const) : ("pipe" as const),
    pipes.stdoutChild,
    pipes.stderrChild,
  ] as const;
  const execution = startExecution(engine, id, command, stdio);
  pipes.closeChildEnds();
  const onAbort = (): void => execution.kill();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) execution.kill();
  try {
    if (streams.stdin !== undefined && execution.child.stdin !== null) {
      forward(streams.stdin, execution.child.stdin);
    }
    const outputs = Promise.all([
      copy(pipes.stdout ?? execution.child.stdout, streams.stdout),
      copy(pipes.stderr ?? execution.child.stderr, streams.stderr),
    ]);
    const exitCode = await execution.exited;
    await outputs;
    return { exitCode };
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (execution.child.stdin !== null) streams.stdin?.unpipe(execution.child.stdin);
  }
}

type Stdio = "ignore" | "pipe" | number;

/** Starts `exec` of the runtime in the foreground: a detached one would lose its exit code. */
export function startExecution(
  engine: Engine,
  id: string,
  command: readonly string[],
  stdio: readonly [Stdio, Stdio, Stdio],
  terminalSocket?: string,
): Execution {
  const directory = join(engine.containers.directory(id), `exec-${newId(engine.random).slice(0, 8)}`);
  mkdirSync(directory, { mode: 0o700 });
  const file = (name: string): string => join(directory, name);
  writeFileSync(file("process.json"), execProcess(engine, id, command, terminalSocket !== undefined), {
    mode: 0o600,
  });
  const { program, args } = engine.oci.command;
  const child = spawn(
    program,
    [
      ...args,
      ...["--log", file("log"), "exec", "--process", file("process.json"), "--pid-file", file("pid")],
      ...(terminalSocket === undefined ? [] : ["--tty", "--console-socket", terminalSocket]),
      id,
    ],
    { stdio: [...stdio], env: { PATH: programEnvironment["PATH"] } },
  );
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
      const pid = readPid(file("pid"));
      if (pid !== undefined) killQuietly(pid);
      child.kill("SIGKILL");
    },
  };
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

function requireRunning(engine: Engine, id: string): void {
  requireContainer(engine, id);
  const record = noteExit(engine, id);
  if (record?.startedAtMs === undefined || record.exit !== undefined) {
    throw new CriError("failedPrecondition", `container "${id}" is not running`);
  }
}

interface OutputPipes {
  readonly stdoutChild: Stdio;
  readonly stderrChild: Stdio;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  closeChildEnds(): void;
}

/** Real pipes where the system can make them: a program that opens /dev/stdout fails on Node's sockets. */
async function openPipes(engine: Engine): Promise<OutputPipes> {
  if (!(await engine.system.isDirect())) {
    return {
      stdoutChild: "pipe",
      stderrChild: "pipe",
      stdout: undefined,
      stderr: undefined,
      closeChildEnds: () => undefined,
    };
  }
  const [out, err] = await Promise.all([engine.system.pipe(undefined), engine.system.pipe(undefined)]);
  const reader = (fd: number): Socket => new Socket({ fd, readable: true, writable: false });
  return {
    stdoutChild: out.write,
    stderrChild: err.write,
    stdout: reader(out.read),
    stderr: reader(err.read),
    closeChildEnds: () => {
      closeSync(out.write);
      closeSync(err.write);
    },
  };
}

/** Input goes on until either side ends; a client that leaves must not end the program by an unhandled error. */
function forward(from: Readable, to: Writable): void {
  to.on("error", () => from.unpipe(to));
  from.on("error", () => to.end());
  from.pipe(to);
}

/** Resolves when everything was read and written; the target stays open, since it is the caller's. */
function copy(from: Readable | null | undefined, to: Writable | undefined): Promise<void> {
  if (from === null || from === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    from.on("error", () => resolve());
    from.on("close", () => resolve());
    from.on("end", () => resolve());
    if (to === undefined) from.resume();
    else {
      to.on("error", () => {
        from.unpipe(to);
        from.resume();
      });
      from.pipe(to, { end: false });
    }
  });
}

function drain(from: Readable | null | undefined, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve) => {
    if (from === null || from === undefined) return resolve();
    from.on("data", take);
    from.on("error", () => resolve());
    from.on("close", () => resolve());
  });
}

function collector(): { take(chunk: Buffer): void; result(): Buffer } {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    take(chunk) {
      if (size >= maxOutputBytes) return;
      chunks.push(chunk.subarray(0, maxOutputBytes - size));
      size += chunk.length;
    },
    result: () => Buffer.concat(chunks),
  };
}
