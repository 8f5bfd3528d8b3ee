import { findProgram } from "./host.ts";
import { programEnvironment, run } from "./spawned-operations.ts";
import type { System } from "./system.ts";

/**
 * Loads a ruleset in one transaction: all of it takes effect, or nothing. It goes in as text on standard input, since
 * nft's JSON reader refuses the sockets that Node uses for pipes. With a system thread the program is run by it, which
 * does not copy this process.
 */
export async function nft(ruleset: string, system?: System): Promise<string> {
  const program = findProgram("nft");
  const args = ["-f", "-"];
  if (system === undefined || program === undefined) return run("nft", args, { input: ruleset });
  return system.runProgram({ program, args, environment: programEnvironment, input: ruleset });
}

/** Removes a table. Succeeds when there is none. */
export async function deleteNftTable(family: "ip" | "ip6" | "inet", name: string): Promise<void> {
  // Declaring it first makes the deletion succeed in any case; both are one transaction.
  await nft(`table ${family} ${name}\ndelete table ${family} ${name}\n`);
}
