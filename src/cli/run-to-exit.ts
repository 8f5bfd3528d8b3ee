import { type Command, CommandError, type Io, runCommand } from "./command.ts";

/** Runs a command to its end, and turns what it throws into a message and an exit code. */
export async function runToExit(
  load: () => Promise<Command>,
  argv: readonly string[],
  io: Io,
): Promise<number> {
  try {
    return await runCommand(await load(), argv, io);
  } catch (error) {
    if (error instanceof CommandError) {
      io.error(
        `sampan: ${error.message}\n${error.remedy === undefined ? "" : `  ${error.remedy.replaceAll("\n", "\n  ")}\n`}`,
      );
      return error.exitCode;
    }
    io.error(
      `sampan: unexpected failure: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return 70;
  }
}
