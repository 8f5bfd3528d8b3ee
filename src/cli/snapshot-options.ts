import { CommandError, type OptionValues, usageExitCode } from "./command.ts";

/** The options that mean something to each; what is done by default may be said all the same. */
const meaningful: Readonly<Record<string, readonly string[]>> = {
  save: ["cluster", "name", "no-volumes"],
  list: [],
  ls: [],
  restore: ["as", "new-identities", "same-identities", "no-volumes", "no-start"],
  fork: ["cluster", "name", "new-identities", "same-identities", "no-volumes", "no-start"],
  delete: [],
  rm: [],
};

/** What was meant instead. */
const instead: Readonly<Record<string, string>> = {
  "restore --name": "the cluster that is made is named by --as",
  "restore --cluster": "the cluster that is made is named by --as",
  "fork --as": "the cluster that is made is named without an option: sampan snapshot fork NEW",
  "save --as": "the snapshot is named without an option: sampan snapshot save NAME",
};

/** Throws CommandError for an option that the action does not look at: it would be taken for obeyed. */
export function checkSnapshotOptions(action: string, options: OptionValues): void {
  const known = meaningful[action];
  if (known === undefined) return;
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== false);
  const ignored = given.map(([name]) => name).find((name) => !known.includes(name));
  if (ignored !== undefined)
    throw new CommandError(`snapshot ${action} does not go by --${ignored}`, {
      remedy: instead[`${action} --${ignored}`] ?? "sampan snapshot --help tells what each action takes",
      exitCode: usageExitCode,
    });
  if (options["new-identities"] === true && options["same-identities"] === true)
    throw new CommandError("--new-identities and --same-identities are not both possible", {
      exitCode: usageExitCode,
    });
}
