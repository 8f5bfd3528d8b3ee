/** Flags of the programs that Sampan stands in for, written and refused as those programs do. */

export interface FlagSpec {
  /** Given without a value it means `true`. */
  readonly boolean?: true;
  readonly description: string;
  /** Taken, and of no effect: what it tunes does not exist here. */
  readonly withoutEffect?: true;
  /** Given several times, it has several values, of which the first counts here. */
  readonly firstCounts?: true;
}

export type FlagTable = Readonly<Record<string, FlagSpec>>;

/** A command line that cannot be understood; the message is for standard error. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

/** Reads `--name=value`, `--name value` and `--switch`; of a flag that is given twice the last value holds, as a rule. */
export function parseFlags(args: readonly string[], table: FlagTable): Map<string, string> {
  const values = new Map<string, string>();
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    const match = /^--?([a-z][a-z0-9-]*)(?:=([^]*))?$/.exec(arg);
    if (match === null) throw new FlagError(`unknown command or argument ${JSON.stringify(arg)}`);
    const [, name = "", given] = match;
    const spec = table[name];
    if (spec === undefined) throw new FlagError(`unknown flag: --${name}`);
    const value = given ?? (spec.boolean === true ? "true" : args[++index]);
    if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`);
    if (spec.firstCounts !== true || !values.has(name)) values.set(name, value);
  }
  return values;
}

/** One line per flag, as programs that look for flags in the help expect them. */
export function flagHelp(table: FlagTable): string {
  return Object.entries(table)
    .map(([name, { boolean, description, withoutEffect }]) => {
      const flag = `      --${name}${boolean === true ? "" : " string"}`;
      return `${flag.padEnd(50)} ${description}${withoutEffect === true ? " (taken, without effect here)" : ""}\n`;
    })
    .join("");
}
