import { run } from "./spawned-operations.ts";

/**
 * Loads a ruleset in one transaction: all of it takes effect, or nothing. It goes in as text on standard input, since
 * nft's JSON reader refuses the sockets that Node uses for pipes.
 */
export async function nft(ruleset: string): Promise<string> {
  return run("nft", ["-f", "-"], { input: ruleset });
}

/** Removes a table. Succeeds when there is none. */
export async function deleteNftTable(family: "ip" | "ip6" | "inet", name: string): Promise<void> {
  // Declaring it first makes the deletion succeed in any case; both are one transaction.
  await nft(`table ${family} ${name}\ndelete table ${family} ${name}\n`);
}
