import {
  findInstance,
  homeDirectory,
  type Instance,
  listInstances,
  nameProblem,
} from "../cluster/instance.ts";
import { CommandError, usageExitCode } from "./command.ts";

/** The named instance, or an error that says which there are. */
export function requireInstance(name: string): Instance {
  checkName(name);
  const instance = findInstance(name);
  if (instance !== undefined) return instance;
  const others = listInstances().map((other) => other.name);
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
