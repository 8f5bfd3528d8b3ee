import { StatusError } from "../apimachinery/status.ts";
import { remoteCommandClientProtocols, runRemoteCommand } from "../streaming/client-remote-command.ts";
import type { TerminalSize } from "../streaming/node-connection.ts";
import type { CommandContext } from "./command.ts";
import { KubectlError, PlainError } from "./errors.ts";
import type { KubectlIo } from "./io.ts";

export interface Conversation {
  readonly container: string;
  /** For exec. */
  readonly command?: readonly string[];
}

/**
 * Joins this terminal with a container by exec or attach, as `-i` and `-t` say, and answers with the exit code. While it
 * lasts every key goes to the container.
 */
export async function converse(
  { io, session, flags }: CommandContext,
  path: string,
  { container, command }: Conversation,
): Promise<number> {
  const stdin = flags.bool("stdin");
  const tty = stdin && flags.bool("tty") && hasTerminal(io, flags.bool("quiet"));
  const connection = await session.transport.connect({
    path,
    query: {
      command,
      container,
      stdin: stdin ? "true" : undefined,
      stdout: "true",
      stderr: tty ? undefined : "true",
      tty: tty ? "true" : undefined,
    },
    protocols: remoteCommandClientProtocols,
  });
  if (tty) io.stdin.setRaw(true);
  try {
    const { exitCode } = await runRemoteCommand(connection, {
      ...(stdin ? { stdin: io.stdin.stream } : {}),
      ...(tty ? { sizes: terminalSizes(io) } : {}),
      stdout: (chunk) => io.out(chunk),
      stderr: (chunk) => io.err(chunk),
    });
    if (exitCode !== 0 && command !== undefined) {
      throw new PlainError(`command terminated with exit code ${exitCode}`, { exitCode });
    }
    return exitCode;
  } catch (error) {
    // What the runtime could not do comes as the outcome, not as the answer to a request.
    if (error instanceof StatusError) throw new KubectlError(error.message, { cause: error });
    throw error;
  } finally {
    if (tty) io.stdin.setRaw(false);
    // Input that nobody reads any more must not keep the process.
    if (stdin) io.stdin.stream.destroy();
  }
}

function hasTerminal(io: KubectlIo, quiet: boolean): boolean {
  if (io.stdin.isTerminal) return true;
  if (!quiet) io.err("Unable to use a TTY - input is not a terminal or the right kind of file\n");
  return false;
}

/** The size now, and again whenever it changes. */
async function* terminalSizes(io: KubectlIo): AsyncGenerator<TerminalSize> {
  let wake = (): void => undefined;
  const stop = io.onResize(() => wake());
  try {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const size = io.terminalSize();
      if (size !== undefined) yield size;
      await changed;
    }
  } finally {
    stop();
  }
}
