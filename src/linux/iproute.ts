import { findProgram } from "./host.ts";
import { programEnvironment, run } from "./spawned-operations.ts";
import type { System } from "./system.ts";

/** Runs lines of `ip -batch`, all of them even when some fail; rejects with what those said. */
export async function iproute(lines: string, system: System): Promise<string> {
  const program = findProgram("ip");
  const args = ["-force", "-batch", "-"];
  if (program === undefined) return run("ip", args, { input: lines });
  // The system thread does not copy this process to start it.
  return system.runProgram({ program, args, environment: programEnvironment, input: lines });
}
