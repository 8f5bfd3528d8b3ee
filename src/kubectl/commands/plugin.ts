import { accessSync, constants, readdirSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, PlainError } from "../errors.ts";
import { commands } from "./index.ts";

const listCommand: KubectlCommand = {
  usage: "[flags] [options]",
  summary: "List all visible plugin executables on a user's PATH",
  flags: { "name-only": { type: "bool", help: "print the names, not the paths" } },
  run: list,
};

export const pluginCommand: KubectlCommand = {
  usage: "[flags] [options]",
  summary: "Provides utilities for interacting with plugins",
  bareHelp: "stderr",
  subcommands: { list: () => Promise.resolve(listCommand) },
};

/** The programs in PATH whose names make them commands of kubectl, with a warning for each that can never be called. */
function list({ flags, io }: CommandContext): Promise<number> {
  const found: string[] = [];
  let warnings = 0;
  const lines: string[] = [];
  for (const folder of new Set((io.environment["PATH"] ?? "").split(delimiter))) {
    if (folder.trim() === "") continue;
    for (const name of programsIn(folder, io.err.bind(io))) {
      const path = join(folder, name);
      lines.push(flags.bool("name-only") ? name : path);
      for (const warning of warningsOf(path, found)) {
        lines.push(`  - warning: ${warning}`);
        warnings++;
      }
      found.push(path);
    }
  }
  if (found.length === 0) throw new KubectlError("unable to find any kubectl plugins in your PATH");
  io.out(`The following compatible plugins are available:\n\n${lines.join("\n")}\n`);
  if (warnings === 0) return Promise.resolve(0);
  const text = warnings === 1 ? "one plugin warning was found" : `${warnings} plugin warnings were found`;
  throw new PlainError(`\nerror: ${text}`);
}

function programsIn(folder: string, complain: (text: string) => void): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && entry.name.startsWith("kubectl-"))
      .map(({ name }) => name)
      .sort();
  } catch {
    complain(
      `Unable to read directory ${JSON.stringify(folder)} from your PATH: open ${folder}: no such file or directory. Skipping...\n`,
    );
    return [];
  }
}

function warningsOf(path: string, found: readonly string[]): string[] {
  const name = basename(path);
  const warnings: string[] = [];
  const words = name.split("-").slice(1);
  const [command = ""] = words;
  if (words.length === 1 && commands[command.replaceAll("_", "-")] !== undefined) {
    warnings.push(`${name} overwrites existing command: ${JSON.stringify(`kubectl ${command}`)}`);
  }
  try {
    accessSync(path, constants.X_OK);
  } catch {
    warnings.push(`${path} identified as a kubectl plugin, but it is not executable`);
  }
  const first = found.find((other) => basename(other) === name);
  if (first !== undefined) warnings.push(`${path} is overshadowed by a similarly named plugin: ${first}`);
  return warnings;
}
