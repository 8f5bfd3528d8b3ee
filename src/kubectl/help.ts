import type { KubectlCommand } from "./command.ts";
import type { CommandEntry } from "./commands/index.ts";

/** The list of commands. */
export function rootHelp(commands: Readonly<Record<string, CommandEntry>>): string {
  const names = Object.keys(commands);
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `  ${name.padEnd(width)}  ${commands[name]?.summary ?? ""}`);
  return `The built-in client: commands, flags and output are those of kubectl.\n\nUsage:\n  kubectl [flags] COMMAND\n\nCommands:\n${lines.join("\n")}\n\n"kubectl COMMAND --help" tells the flags of a command.\n`;
}

/** What a command is for, and its flags. */
export function commandHelp(path: string, command: KubectlCommand): string {
  const lines = [`${command.summary}.`, "", "Usage:", `  ${path} ${command.usage}`];
  const subcommands = Object.keys(command.subcommands ?? {});
  if (subcommands.length > 0)
    lines.push("", "Available Commands:", ...subcommands.map((name) => `  ${name}`));
  const rows = Object.entries(command.flags ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => {
      const short = spec.short === undefined ? "    " : `-${spec.short}, `;
      const fallback =
        spec.default ??
        (spec.type === "bool" ? false : spec.type === "list" || spec.type === "array" ? "[]" : "");
      const shown = spec.type === "string" || spec.type === "duration" ? `'${fallback}'` : fallback;
      return `    ${short}--${name}=${shown}:${spec.help === undefined ? "" : `\n        ${spec.help}`}`;
    });
  if (rows.length > 0) lines.push("", "Options:", ...rows);
  return `${lines.join("\n")}\n`;
}
