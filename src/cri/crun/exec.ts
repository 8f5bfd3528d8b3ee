/** Commands in running containers. */
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { ExecResult, TerminalStreams } from "../../streaming/node-connection.ts";
import { CriError, type ExecSyncResult } from "../runtime.ts";
import { noteExit } from "./containers.ts";
import { type Engine, requireContainer } from "./engine.ts";
import { type Stdio, startExecution } from "./execution.ts";
import { execInTerminal } from "./terminal.ts";

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
  const input = streams.stdin === undefined ? undefined : await openInput(engine);
  const stdio = [input?.child ?? "ignore", pipes.stdoutChild, pipes.stderrChild] as const;
  const execution = startExecution(engine, id, command, stdio);
  pipes.closeChildEnds();
  input?.closeChildEnd();
  const stdout = pipes.stdout ?? execution.child.stdout;
  const stderr = pipes.stderr ?? execution.child.stderr;
  const stdin = input?.writer ?? execution.child.stdin;
  const onAbort = (): void => {
    execution.kill();
    // What the command left running may hold its output open for ever.
    stdout?.destroy();
    stderr?.destroy();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    if (streams.stdin !== undefined && stdin !== null) forward(streams.stdin, stdin);
    const outputs = Promise.all([copy(stdout, streams.stdout), copy(stderr, streams.stderr)]);
    const exitCode = await execution.exited;
    await outputs;
    return { exitCode };
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (stdin !== null) streams.stdin?.unpipe(stdin);
    input?.writer?.destroy();
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
      void engine.system.closeDescriptor(out.write);
      void engine.system.closeDescriptor(err.write);
    },
  };
}

interface InputPipe {
  readonly child: Stdio;
  readonly writer: Socket | undefined;
  closeChildEnd(): void;
}

/**
 * A real pipe for input too, where output goes to one. A program that copies with sendfile, as busybox's cat does, holds
 * the lock of its output pipe while it waits for a socket: whoever reads that pipe then, though it does not block, waits
 * for the lock, and so this whole process did. Between two pipes nobody waits under a lock.
 */
async function openInput(engine: Engine): Promise<InputPipe> {
  if (!(await engine.system.isDirect())) {
    return { child: "pipe", writer: undefined, closeChildEnd: () => undefined };
  }
  const pipe = await engine.system.pipe(undefined);
  return {
    child: pipe.read,
    writer: new Socket({ fd: pipe.write, readable: false, writable: true }),
    closeChildEnd: () => void engine.system.closeDescriptor(pipe.read),
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

function collector(): { readonly take: (chunk: Buffer) => void; readonly result: () => Buffer } {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    take: (chunk) => {
      if (size >= maxOutputBytes) return;
      chunks.push(chunk.subarray(0, maxOutputBytes - size));
      size += chunk.length;
    },
    result: () => Buffer.concat(chunks),
  };
}
