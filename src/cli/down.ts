import { existsSync, rmSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { kubeconfigPaths, removeContext } from "../client/kubeconfig.ts";
import { type Instance, processStartTime, runningServer } from "../cluster/instance.ts";
import { contextName } from "../cluster/names.ts";
import { type Command, CommandError, type Io, nameOption, text } from "./command.ts";
import { requireInstance } from "./instances.ts";
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
    const startedMs = performance.now();
    const instance = requireInstance(text(options, "name"));
    const progress = new Progress(io);
    progress.start(`stopping cluster "${instance.name}"`);
    const stopped = await stopServer(instance);
    await releaseNode(instance, options["purge"] === true);
    if (options["purge"] === true) remove(instance, io);
    progress.done();
    const took = formatMs(performance.now() - startedMs);
    if (options["purge"] === true)
      io.out(`Cluster "${instance.name}" is gone, with everything it made (${took}).\n`);
    else if (stopped) io.out(`Cluster "${instance.name}" is stopped; its state is kept (${took}).\n`);
    else io.out(`Cluster "${instance.name}" was not running.\n`);
    return 0;
  },
};

async function stopServer(instance: Instance): Promise<boolean> {
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
async function releaseNode(instance: Instance, purge: boolean): Promise<void> {
  if (instance.settings.runtime !== "crun") return;
  const { releaseInstanceNode } = await import("../cluster/release-node.ts");
  await releaseInstanceNode(instance, purge);
}

function remove(instance: Instance, io: Io): void {
  rmSync(instance.directory, { recursive: true, force: true });
  for (const file of kubeconfigPaths(io.environment)) {
    if (existsSync(file)) removeContext(file, contextName(instance.name));
  }
}
