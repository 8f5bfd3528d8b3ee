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
