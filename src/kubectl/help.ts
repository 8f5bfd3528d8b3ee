import type { KubectlCommand } from "./command.ts";
import type { CommandEntry } from "./commands/index.ts";
import type { FlagSpec, FlagSpecs } from "./flags.ts";

/** The list of commands. */
export function rootHelp(commands: Readonly<Record<string, CommandEntry>>): string {
  const names = Object.keys(commands);
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `  ${name.padEnd(width)}  ${commands[name]?.summary ?? ""}`);
  return `The built-in client: commands, flags and output are those of kubectl.\n\nUsage:\n  kubectl [flags] COMMAND\n\nCommands:\n${lines.join("\n")}\n\n"kubectl COMMAND --help" tells the flags of a command.\n`;
}

/** What a command is for, and its flags. */
export async function commandHelp(path: string, command: KubectlCommand): Promise<string> {
  const lines = [`${command.summary}.`, "", "Usage:", `  ${path} ${command.usage}`];
  const subcommands = await listed(command.subcommands ?? {});
  if (subcommands.length > 0) lines.push("", "Available Commands:", ...subcommands);
  const rows = flagLines(command.flags ?? {});
  if (rows.length > 0) lines.push("", "Options:", rows.join("\n\n"));
  return `${lines.join("\n")}\n`;
}

/** A line for each, but none for other names of the same. */
async function listed(subcommands: NonNullable<KubectlCommand["subcommands"]>): Promise<string[]> {
  const summaries = new Map<string, string>();
  for (const [name, load] of Object.entries(subcommands)) {
    const command = await load();
    summaries.set(command.name ?? name, command.summary);
  }
  const width = Math.max(15, ...[...summaries.keys()].map((name) => name.length + 3));
  return [...summaries].map(([name, summary]) => `  ${name.padEnd(width - 2)} ${summary}`);
}

/** `    -f, --filename=[]:` and what it is for, by name. */
export function flagLines(specs: FlagSpecs): string[] {
  return Object.entries(specs)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => {
      const short = spec.short === undefined ? "" : `-${spec.short}, `;
      const help = spec.help === undefined ? "" : `\n\t${spec.help}`;
      return `    ${short}--${name}=${shownDefault(spec)}:${help}`;
    });
}

function shownDefault({ type, default: value }: FlagSpec): string {
  if (type === "bool") return String(value ?? false);
  if (type === "list" || type === "array") return "[]";
  if (type === "int") return String(value ?? 0);
  return type === "duration" ? shownDuration(Number(value ?? 0)) : `'${value ?? ""}'`;
}

function shownDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds}s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours > 0 ? `${hours}h` : ""}${minutes}m${seconds % 60}s`;
}
