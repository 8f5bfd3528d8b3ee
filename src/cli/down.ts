import { existsSync, rmSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { kubeconfigPaths, loadKubeconfig, removeContext } from "../client/kubeconfig.ts";
import { releaseHostPorts } from "../cluster/host-ports.ts";
import {
  type InstanceFolder,
  isSettings,
  machineRegister,
  runningServer,
  withInstanceLock,
} from "../cluster/instance.ts";
import { release, reservationIn } from "../cluster/machine-register.ts";
import { processStartTime } from "../cluster/process-start.ts";
import { type Command, CommandError, type Io, nameOption, text } from "./command.ts";
import { requireFolder } from "./instances.ts";
import { contextNamesIn } from "./own-context.ts";
import { formatMs, Progress } from "./progress.ts";

/** A server that does not end by itself within this time is ended. */
const patienceMs = 15_000;

export const downCommand: Command = {
  name: "down",
  usage: "down [--purge] [--name NAME]",
  summary: "stop a cluster; with --purge, leave nothing behind",
  description:
    "Stops a cluster and the containers it runs. Its state stays: `sampan up` continues where it was.\nWith --purge nothing stays: no process, namespace, mount, nftables table, route, cgroup or file.",
  options: {
    name: nameOption,
    purge: { type: "boolean", description: "remove the cluster and everything it made" },
  },
  examples: ["sampan down", "sampan down --purge --name ci"],
  maxArguments: 0,
  async run(options, _positionals, io) {
    const name = text(options, "name");
    requireFolder(name);
    const progress = new Progress(io);
    progress.start(`stopping cluster "${name}"`);
    // What is there may have changed during the wait: it was removed, or started.
    return await withInstanceLock(name, () =>
      down(requireFolder(name), options["purge"] === true, progress, io),
    );
  },
};

async function down(folder: InstanceFolder, purge: boolean, progress: Progress, io: Io): Promise<number> {
  const startedMs = performance.now();
  const { name, damage } = folder;
  const stopped = await stopServer(folder);
  if (!purge && damage !== undefined) throw damage;
  if (purge) await removeAll(folder, io);
  else await releaseNode(folder, false);
  progress.done();
  const took = formatMs(performance.now() - startedMs);
  if (purge) io.out(`Cluster "${name}" is gone, with everything it made (${took}).\n`);
  else if (stopped) io.out(`Cluster "${name}" is stopped; its state is kept (${took}).\n`);
  else io.out(`Cluster "${name}" was not running.\n`);
  return 0;
}

async function stopServer(instance: InstanceFolder): Promise<boolean> {
  const server = runningServer(instance);
  if (server === undefined) return false;
  process.kill(server.pid, "SIGTERM");
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 20) {
    if (processStartTime(server.pid) !== server.startTime) return true;
    await wait(20);
  }
  // What it acknowledged is on disk: ending it hard loses nothing.
  process.kill(server.pid, "SIGKILL");
  await wait(100);
  if (processStartTime(server.pid) === server.startTime) {
    throw new CommandError(`process ${server.pid} of cluster "${instance.name}" does not end`, {
      remedy: `look at it with: ps -p ${server.pid}`,
    });
  }
  return true;
}

/** Ends the containers, which outlive their server, and with `purge` all that the node made on this machine. */
async function releaseNode({ name, directory, settings }: InstanceFolder, purge: boolean): Promise<void> {
  if (settings?.runtime !== "crun") return;
  const { releaseInstanceNode } = await import("../cluster/release-node.ts");
  await releaseInstanceNode({ name, directory, settings }, purge);
  releaseHostPorts(machineRegister(), directory);
}

/** One step does not wait for another's success: what is left over is named at the end. */
async function removeAll(folder: InstanceFolder, io: Io): Promise<void> {
  const register = machineRegister();
  const failures: string[] = [];
  const attempt = async (step: () => Promise<void> | void): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  const whole = withSettings(folder, register);
  await attempt(() => releaseNode(whole, true));
  await attempt(() => rmSync(folder.directory, { recursive: true, force: true }));
  await attempt(() => releaseHostPorts(register, folder.directory));
  if (!existsSync(folder.directory)) await attempt(() => release(register, folder.directory));
  for (const file of kubeconfigPaths(io.environment)) {
    await attempt(() => {
      if (!existsSync(file)) return;
      const names = contextNamesIn(loadKubeconfig([file]), whole, register);
      for (const name of names) removeContext(file, name);
    });
  }
  if (failures.length === 0) return;
  throw new CommandError(`cluster "${folder.name}" is gone, but for:\n  ${failures.join("\n  ")}`, {
    remedy: "see to what is named; nothing of it holds data of the cluster",
  });
}

/** Where a cluster's own settings are damaged, the machine's register has a copy that says what it made. */
function withSettings(folder: InstanceFolder, register: string): InstanceFolder {
  if (folder.settings !== undefined) return folder;
  const copy = reservationIn(register, folder.directory)?.settings;
  return isSettings(copy) ? { ...folder, settings: copy } : folder;
}
