import { join } from "node:path";
import { RealClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { SystemRandom } from "../apimachinery/random.ts";
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
 * Ends the containers of an instance whose server has stopped. With `purge`, also removes whatever the node made: mounts,
 * namespaces, cgroups, tables, the service interface. Steps do not depend on each other: what one of them could not do is
 * thrown when all have been tried.
 */
export async function releaseInstanceNode(instance: Instance, purge: boolean): Promise<void> {
  const { directory, settings } = instance;
  if (!purge) {
    await stopContainers(await openRuntime(instance));
    return;
  }
  const failures: unknown[] = [];
  const attempt = async (step: () => Promise<unknown>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  };
  await attempt(async () => (await openRuntime(instance)).purge());
  await attempt(() => unmountBelow(directory));
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

async function stopContainers(runtime: CrunRuntime): Promise<void> {
  const containers = await runtime.listContainers();
  const running = containers.filter(({ state }) => state === "running" || state === "created");
  await Promise.all(running.map(({ id }) => runtime.stopContainer(id, graceMs)));
  await Promise.all((await runtime.listPodSandboxes()).map(({ id }) => runtime.stopPodSandbox(id)));
  await runtime.close();
}

/** Volumes in memory and whatever else is mounted in the instance's folder, deepest first. */
async function unmountBelow(directory: string): Promise<void> {
  const { readFile } = await import("node:fs/promises");
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const targets = table
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((target) => target.startsWith(`${directory}/`))
    .toSorted((a, b) => b.length - a.length);
  const system = openSystem();
  for (const target of targets) await system.unmount(target);
  await system.close();
}
