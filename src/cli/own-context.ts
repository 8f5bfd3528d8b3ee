import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type Kubeconfig, kubeconfigPaths, loadKubeconfig } from "../client/kubeconfig.ts";
import { type Instance, type InstanceFolder, isSettings, machineRegister } from "../cluster/instance.ts";
import { real, reservations } from "../cluster/machine-register.ts";
import { contextName } from "../cluster/names.ts";

/**
 * The name by which a cluster stands in a kubeconfig. It is that of its own kubeconfig, unless a cluster of the same name
 * in another home has it there: two that run side by side must not take each other's place. One that it has is kept.
 */
export function contextNameIn(config: Kubeconfig, instance: Instance, register = machineRegister()): string {
  const names = candidates(instance);
  const known = names.find((name) => isOwn(config, name, instance));
  if (known !== undefined) return known;
  const others = serversOfOthers(instance, register);
  const free = names.find((name) => !others.has(config.clusters.get(name)?.server ?? ""));
  return free ?? contextName(instance.name);
}

/**
 * The names of a cluster that goes, in a kubeconfig: also of one whose settings are damaged. What is a living cluster's of
 * the same name stays.
 */
export function contextNamesIn(
  config: Kubeconfig,
  folder: InstanceFolder,
  register = machineRegister(),
): string[] {
  const others = serversOfOthers(folder, register);
  return candidates(folder).filter(
    (name, index) =>
      isOwn(config, name, folder) || (index === 0 && !others.has(config.clusters.get(name)?.server ?? "")),
  );
}

/** The name by which kubectl knows the cluster, as far as its files can be read. */
export function contextNameFor(instance: Instance, environment: NodeJS.ProcessEnv): string {
  try {
    const paths = kubeconfigPaths(environment).filter((path) => existsSync(path));
    return contextNameIn(loadKubeconfig(paths), instance);
  } catch {
    return contextName(instance.name);
  }
}

/** From the plain one to one that no other cluster of this machine can have. */
function candidates({ name, directory, settings }: InstanceFolder): string[] {
  const plain = contextName(name);
  const home = basename(dirname(directory)).replaceAll(/[^A-Za-z0-9._-]/g, "-");
  return [
    plain,
    `${plain}@${home}`,
    ...(settings === undefined ? [] : [`${plain}@${home}-${settings.index}`]),
  ];
}

const isOwn = (config: Kubeconfig, name: string, { settings }: InstanceFolder): boolean =>
  settings !== undefined && config.clusters.get(name)?.server === serverAt(settings.apiPort);

/** A port is one cluster's, whatever homes there are. */
const serverAt = (apiPort: number): string => `https://127.0.0.1:${apiPort}`;

/** Of living clusters of the same name in other homes. */
function serversOfOthers({ name, directory }: InstanceFolder, register: string): ReadonlySet<string> {
  const own = real(directory);
  return new Set(
    reservations(register)
      .filter((other) => other.name === name && other.directory !== own)
      .flatMap(({ settings }) => (isSettings(settings) ? [serverAt(settings.apiPort)] : [])),
  );
}
