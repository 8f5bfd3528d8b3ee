import type { Io } from "./command.ts";
import { runToExit } from "./run-to-exit.ts";
import { newServerCommand } from "./server.ts";

/**
 * `sampan server` with all that it needs. In a build this is a program of its own, and `server-program.bundled.ts` stands
 * in its place: nothing but arguments and an exit code may pass between the two, for both have classes of the same names.
 */
export const runServerProgram = (argv: readonly string[], io: Io, atRest?: () => void): Promise<number> =>
  runToExit(async () => newServerCommand(atRest), argv, io);
