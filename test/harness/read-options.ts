import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

/**
 * The options of a tool that developers run: `--help` prints the help and ends with 0; what is not an option is said
 * above the help, and ends with 2.
 */
export function readOptions<const T extends ParseArgsOptionsConfig>(
  help: string,
  options: T,
  args: readonly string[] = process.argv.slice(2),
): ReturnType<typeof parseArgs<{ options: T; args: string[] }>>["values"] {
  if (args.includes("--help")) {
    process.stdout.write(help);
    process.exit(0);
  }
  try {
    return parseArgs({ options, args: [...args] }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    process.exit(2);
  }
}
