import type { Io } from "./command.ts";
import { loadScript } from "./kept-code.ts";
import type * as program from "./server-program.ts";

/** Stands in for `server-program.ts` in a build (tools/build.ts): the server is one script there. */
export function runServerProgram(argv: readonly string[], io: Io): Promise<number> {
  const { exports, keepCode } = loadScript<typeof program>(new URL("./server.script.js", import.meta.url));
  process.once("exit", keepCode);
  return exports.runServerProgram(argv, io, keepCode);
}
