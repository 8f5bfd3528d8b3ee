/**
 * Removes everything with a runtime's name on it, whatever its records say and whatever this machine still has installed:
 * the last step of a purge, and all of it where the runtime itself cannot be opened any more.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import type { Clock } from "../../apimachinery/clock.ts";
import { Cgroup, detectCgroups } from "../../linux/cgroups.ts";
import { deleteNftTable } from "../../linux/nft.ts";
import type { System } from "../../linux/system.ts";
import { podTable } from "./pod-network.ts";

export interface RuntimeRemains {
  readonly rootDirectory: string;
  readonly interfacePrefix: string;
  readonly system: System;
  readonly clock: Clock;
}

/** Steps do not depend on each other: what one of them could not do is thrown when all have been tried. */
export async function purgeRuntime(remains: RuntimeRemains): Promise<void> {
  const { rootDirectory, interfacePrefix, system, clock } = remains;
  const cgroups = detectCgroups();
  const group = cgroups === undefined ? undefined : new Cgroup(cgroups, `/${interfacePrefix}`);
  for (const pid of [...(group?.processes() ?? []), ...monitorsOf(rootDirectory)]) killQuietly(pid);
  const failures: unknown[] = [];
  const attempt = async (step: () => Promise<void>): Promise<void> => {
    await step().catch((error: unknown) => failures.push(error));
  };
  for (const target of mountsBelow(rootDirectory)) await attempt(() => system.unmount(target));
  for (const hostInterface of interfacesOf(interfacePrefix)) {
    await attempt(() => system.deleteSandbox({ directory: "", namespaces: [], hostInterface }));
  }
  await attempt(() => deleteNftTable("ip", podTable(interfacePrefix)));
  // Killed processes leave their group a moment later.
  for (let tries = 0; tries < 50 && group?.remove() === false; tries++) await clock.sleep(20);
  await attempt(async () => rmSync(rootDirectory, { recursive: true, force: true }));
  if (failures.length > 0) throw failures[0];
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Monitors say on their command line which bundle is theirs. */
function monitorsOf(rootDirectory: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
        return (
          args[0]?.endsWith("conmon") === true && args.some((arg) => arg.startsWith(`${rootDirectory}/`))
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The deepest first. */
function mountsBelow(directory: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => (line.split(" ")[4] ?? "").replaceAll("\\040", " "))
    .filter((target) => target.startsWith(`${directory}/`))
    .reverse();
}

/** Pod interfaces are the prefix and hexadecimal digits of a sandbox's id, to the length that Linux allows. */
function interfacesOf(prefix: string): string[] {
  const pattern = new RegExp(`^${prefix}[0-9a-f]{${15 - prefix.length}}$`);
  return readdirSync("/sys/class/net").filter((name) => pattern.test(name));
}
