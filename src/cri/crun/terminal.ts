/** Commands with a terminal: the runtime makes the terminal inside the container and sends its other end here. */
import { rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ReadStream } from "node:tty";
import { findProgram } from "../../linux/host.ts";
import type { ExecResult, TerminalSize, TerminalStreams } from "../../streaming/node-connection.ts";
import { CriError } from "../runtime.ts";
import { type Engine, newId } from "./engine.ts";
import { startExecution } from "./execution.ts";
import { feedInput } from "./feed-input.ts";

const acceptIntervalMs = 2;
/** End of input is a character to a terminal. */
const endOfInput = Buffer.from("\u0004");

export async function execInTerminal(
  engine: Engine,
  id: string,
  command: readonly string[],
  streams: TerminalStreams,
  signal: AbortSignal,
): Promise<ExecResult> {
  // runc sends its terminal only when it detaches, and then nobody learns the exit code.
  if (engine.oci.name === "runc" || !(await engine.system.isDirect())) {
    return execInScript(engine, id, command, streams, signal);
  }
  // Short and outside the container's folder: a socket's path has at most 107 characters.
  const socket = join("/run", `${engine.interfacePrefix}-${newId(engine.random).slice(0, 12)}.tty`);
  const listener = await engine.system.listenUnix(socket);
  let execution: ReturnType<typeof startExecution> | undefined;
  const abort = (): void => execution?.kill();
  try {
    execution = startExecution(engine, id, command, { kind: "socket", path: socket });
    signal.addEventListener("abort", abort, { once: true });
    const terminal = await acceptTerminal(engine, listener, execution.exited);
    // Ended before it had a terminal: the code, or the reason.
    if (terminal === undefined) return { exitCode: await execution.exited };
    const closed = joinTerminal(engine, terminal, streams, signal);
    const exitCode = await execution.exited;
    await closed;
    return { exitCode };
  } finally {
    signal.removeEventListener("abort", abort);
    await engine.system.closeDescriptor(listener);
    rmSync(socket, { force: true });
  }
}

/** Without a terminal of our own: sizes of the client's window are not known to the command then. */
async function execInScript(
  engine: Engine,
  id: string,
  command: readonly string[],
  streams: TerminalStreams,
  signal: AbortSignal,
): Promise<ExecResult> {
  if (findProgram("script") === undefined) {
    throw new CriError(
      "unimplemented",
      "exec with a terminal needs the native module koffi (npm ci), or the program script (bsdutils)",
    );
  }
  const execution = startExecution(engine, id, command, { kind: "script" });
  const { stdin, stdout } = execution.child;
  const abort = (): void => {
    execution.kill();
    stdout?.destroy();
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    stdin?.on("error", () => undefined);
    if (stdin !== null) streams.stdin?.pipe(stdin);
    const closed = new Promise<void>((resolve) => stdout?.once("close", resolve) ?? resolve());
    if (streams.stdout === undefined) stdout?.resume();
    else stdout?.pipe(streams.stdout, { end: false });
    const exitCode = await execution.exited;
    await closed;
    return { exitCode };
  } finally {
    signal.removeEventListener("abort", abort);
    if (stdin !== null) streams.stdin?.unpipe(stdin);
  }
}

async function acceptTerminal(
  engine: Engine,
  listener: number,
  exited: Promise<number>,
): Promise<number | undefined> {
  let ended = false;
  void exited.then(
    () => (ended = true),
    () => (ended = true),
  );
  for (;;) {
    const wasEnded = ended;
    const terminal = await engine.system.acceptTerminal(listener);
    if (terminal !== undefined || wasEnded) return terminal;
    await engine.clock.sleep(acceptIntervalMs);
  }
}

/**
 * Connects the client with the terminal; resolves when the terminal was closed and all it said is written.
 *
 * Node reads a terminal without waiting, but it waits when it writes to one, which takes no more when its program does
 * not read: all would stand still. So input is written here, as much as the terminal takes at once.
 */
function joinTerminal(
  engine: Engine,
  fd: number,
  streams: TerminalStreams,
  signal: AbortSignal,
): Promise<void> {
  const terminal = new ReadStream(fd);
  const done = new AbortController();
  if (streams.resize !== undefined) {
    void followSize(engine, fd, streams.resize, AbortSignal.any([signal, done.signal]));
  }
  if (streams.stdin !== undefined) {
    const take = (data: Buffer): number => writeAtOnce(fd, data);
    void feedInput(engine.clock, streams.stdin, endOfInput, take, done.signal);
  }
  return new Promise((resolve) => {
    const finish = (): void => {
      done.abort();
      terminal.destroy();
      resolve();
    };
    terminal.on("data", (chunk: Buffer) => {
      if (streams.stdout?.write(chunk) !== false) return;
      terminal.pause();
      streams.stdout.once("drain", () => terminal.resume());
    });
    // A terminal whose last program is gone answers with an error rather than an end.
    terminal.once("error", finish);
    terminal.once("end", finish);
    terminal.once("close", finish);
    // What the command left running may hold its terminal open for ever.
    signal.addEventListener("abort", finish, { once: true });
  });
}

/** The number of bytes that a descriptor which does not block takes now. */
function writeAtOnce(fd: number, data: Buffer): number {
  try {
    return writeSync(fd, data);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

async function followSize(
  engine: Engine,
  fd: number,
  sizes: AsyncIterable<TerminalSize>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { width, height } of sizes) {
      if (signal.aborted) return;
      await engine.system.resizeTerminal({ fd, width, height });
    }
  } catch {
    // The terminal or the client is gone.
  }
}
