import { join } from "node:path";
import { RealClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { SystemRandom } from "../apimachinery/random.ts";
import { purgeRuntime } from "../cri/crun/purge.ts";
import { CrunRuntime } from "../cri/crun/runtime.ts";
import { deleteNftTable } from "../linux/nft.ts";
import { run } from "../linux/spawned-operations.ts";
import { openSystem } from "../linux/system.ts";
import { serviceInterfaceRemoval } from "../network/service-interface.ts";
import { openImages, servicesTable } from "./crun-node.ts";
import type { Instance } from "./instance.ts";

/** Time that containers have to end before they are killed. */
const graceMs = 2000;

/**
 * Ends the containers of an instance whose server has stopped, and takes its addresses and tables off the machine: nothing
 * goes to a cluster that does not run. With `purge`, also removes whatever else the node made: mounts, namespaces, cgroups.
 * Steps do not depend on each other: what one of them could not do is thrown when all have been tried.
 */
export async function releaseInstanceNode(instance: Instance, purge: boolean): Promise<void> {
  const { directory, settings } = instance;
  const failures: unknown[] = [];
  const attempt = async (step: () => Promise<unknown>): Promise<void> => {
    await step().catch((error: unknown) => failures.push(error));
  };
  if (purge) {
    // It does not open where its program is missing; what has its name on it is found all the same.
    await openRuntime(instance)
      .then((runtime) => runtime.purge())
      .catch(() => attempt(() => purgeRemains(instance)));
    await attempt(() => unmountBelow(directory));
  } else await attempt(() => stopContainers(instance));
  await attempt(() => deleteNftTable("ip", servicesTable(settings.interfacePrefix)));
  await run("ip", ["-force", "-batch", "-"], { input: serviceInterfaceRemoval(settings) }).catch(() => {
    // It was never made, or is gone.
  });
  if (failures.length > 0) throw failures[0];
}

function openRuntime({ directory, settings }: Instance): Promise<CrunRuntime> {
  const parts = { clock: new RealClock(), random: new SystemRandom(), logger: silentLogger };
  return CrunRuntime.open({
    ...parts,
    rootDirectory: join(directory, "runtime"),
    podCidr: settings.podCidr,
    interfacePrefix: settings.interfacePrefix,
    images: openImages(directory, parts).store,
  });
}

async function purgeRemains({ directory, settings }: Instance): Promise<void> {
  const system = openSystem();
  try {
    await purgeRuntime({
      rootDirectory: join(directory, "runtime"),
      interfacePrefix: settings.interfacePrefix,
      system,
      clock: new RealClock(),
    });
  } finally {
    await system.close();
  }
}

async function stopContainers(instance: Instance): Promise<void> {
  const runtime = await openRuntime(instance);
  const containers = await runtime.listContainers();
  const running = containers.filter(({ state }) => state === "running" || state === "created");
  await Promise.all(running.map(({ id }) => runtime.stopContainer(id, graceMs)));
  await Promise.all((await runtime.listPodSandboxes()).map(({ id }) => runtime.stopPodSandbox(id)));
  await runtime.close();
}

/** Volumes in memory and whatever else is mounted in the cluster's folder, deepest first. */
export async function unmountBelow(directory: string): Promise<void> {
  const { readFile } = await import("node:fs/promises");
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const targets = table
    .split("\n")
    .map((line) => (line.split(" ")[4] ?? "").replaceAll("\\040", " "))
    .filter((target) => target.startsWith(`${directory}/`))
    .toSorted((a, b) => b.length - a.length);
  if (targets.length === 0) return;
  const system = openSystem();
  try {
    for (const target of targets) await system.unmount(target);
  } finally {
    await system.close();
  }
}
