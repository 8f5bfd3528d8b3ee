/** Facts of this host that go into every container's specification, read once. */
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { heldCapabilities } from "./capabilities.ts";
import type { HostDevice } from "./oci-spec.ts";

/** Soft limit of open files: what service managers give, since some programs close every number up to it. */
const softOpenFiles = 65_536;

/** Node raises its own soft limit to the hard one, and children would inherit that. */
export function openFileLimits(): { readonly soft: number; readonly hard: number } {
  const line = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const hard = Number(line?.[2] ?? 1024);
  return { soft: Math.min(softOpenFiles, hard), hard };
}

/** Without CAP_SYS_RESOURCE no one can give a process a lower score than they have. */
export function minimumOomScoreAdj(): number {
  return heldCapabilities().includes("CAP_SYS_RESOURCE")
    ? -1000
    : Number(readFileSync("/proc/self/oom_score_adj", "utf8"));
}

const skippedFolders = new Set(["pts", "shm", "fd", "mqueue", ".udev", ".lxc", "hugepages"]);

/** All devices below /dev; consoles and terminals are a container's own. */
export function hostDevices(folder = "/dev", depth = 0): HostDevice[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): HostDevice[] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return depth > 4 || skippedFolders.has(entry.name) ? [] : hostDevices(path, depth + 1);
    }
    if (path === "/dev/console" || (!entry.isCharacterDevice() && !entry.isBlockDevice())) return [];
    const { rdev, mode, uid, gid } = lstatSync(path);
    const type = entry.isBlockDevice() ? "b" : "c";
    return [
      { path, type, major: deviceMajor(rdev), minor: deviceMinor(rdev), mode, uid, gid, access: "rwm" },
    ];
  });
}

const deviceMajor = (device: number): number => (Math.floor(device / 256) & 0xfff) >>> 0;
const deviceMinor = (device: number): number => (device % 256) + Math.floor(device / 2 ** 20) * 256;
