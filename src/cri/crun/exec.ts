/** Commands in running containers. */
import type { Readable, Writable } from "node:stream";
import type { ExecResult, TerminalStreams } from "../../streaming/node-connection.ts";
import { CriError, type ExecSyncResult } from "../runtime.ts";
import { noteExit } from "./containers.ts";
import { type Engine, requireContainer } from "./engine.ts";
import { startExecution } from "./execution.ts";
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
  const execution = startExecution(engine, id, command, { kind: "pipes", stdin: false });
  const { stdout, stderr } = execution.child;
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
    execution.release();
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
  const execution = startExecution(engine, id, command, {
    kind: "pipes",
    stdin: streams.stdin !== undefined,
  });
  const { stdin, stdout, stderr } = execution.child;
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
    execution.release();
  }
}

function requireRunning(engine: Engine, id: string): void {
  requireContainer(engine, id);
  const record = noteExit(engine, id);
  if (record?.startedAtMs === undefined || record.exit !== undefined) {
    throw new CriError("failedPrecondition", `container "${id}" is not running`);
  }
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
