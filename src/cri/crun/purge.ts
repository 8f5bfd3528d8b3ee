/** The last step of removing a runtime: everything with its name on it, whatever the records say. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { Cgroup } from "../../linux/cgroups.ts";
import type { Engine } from "./engine.ts";

/** Sandboxes and containers are gone already; this finds what a crash or a lost record left behind. */
export async function purgeEngine(engine: Engine): Promise<void> {
  const group = new Cgroup(engine.cgroups, `/${engine.interfacePrefix}`);
  for (const pid of group.processes()) killQuietly(pid);
  for (const pid of monitorsOf(engine.rootDirectory)) killQuietly(pid);
  for (const target of mountsBelow(engine.rootDirectory)) await engine.system.unmount(target);
  for (const name of interfacesOf(engine.interfacePrefix)) {
    await engine.system.deleteSandbox({ directory: "", namespaces: [], hostInterface: name });
  }
  await engine.networkReady.catch(() => undefined);
  await engine.network.remove();
  // Killed processes leave their group a moment later.
  for (let tries = 0; tries < 50 && !group.remove(); tries++) await engine.clock.sleep(20);
  rmSync(engine.rootDirectory, { recursive: true, force: true });
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
