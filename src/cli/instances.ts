import {
  findFolder,
  homeDirectory,
  type Instance,
  type InstanceFolder,
  listFolders,
  nameProblem,
} from "../cluster/instance.ts";
import { CommandError, usageExitCode } from "./command.ts";

/** The named instance, or an error that says which there are, or what is wrong with it. */
export function requireInstance(name: string): Instance {
  const { directory, settings, damage } = requireFolder(name);
  if (damage !== undefined) throw damage;
  if (settings !== undefined) return { name, directory, settings };
  throw new CommandError(`cluster "${name}" was never started`, {
    remedy: `start it with: sampan up --name ${name}`,
  });
}

/** The named cluster's folder in whatever state it is, or an error that says which there are. */
export function requireFolder(name: string): InstanceFolder {
  checkName(name);
  const folder = findFolder(name);
  if (folder !== undefined) return folder;
  const others = listFolders().map((other) => other.name);
  throw new CommandError(`there is no cluster "${name}" in ${homeDirectory()}`, {
    remedy:
      others.length === 0 ? "start one with: sampan up" : `there is: ${others.join(", ")} (--name NAME)`,
  });
}

/** Refuses a name that cannot be a cluster's. */
export function checkName(name: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new CommandError(problem, { exitCode: usageExitCode });
}

/** What is told of a server that starts and cannot become ready, because its store holds what it cannot read. */
export function startTrouble(name: string, trouble: string): { error: string; remedy: string } {
  return {
    error: `cluster "${name}" cannot become ready: ${trouble}`,
    remedy:
      "it goes on by itself when the key management service answers again\n" +
      `if a key is missing: sampan down --name ${name}, then sampan up with an --encryption-provider-config that has it`,
  };
}
