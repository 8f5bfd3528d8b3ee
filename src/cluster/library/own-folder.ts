import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Folders of this process that were not removed yet. */
const folders = new Set<string>();
let isWatching = false;

/**
 * A folder that only its owner may read, and that ends with this process at the latest. One whose process was killed is
 * removed by the next that makes one.
 */
export function makeOwnFolder(): string {
  sweep();
  const folder = mkdtempSync(join(tmpdir(), `${prefix(process.pid)}-`));
  folders.add(folder);
  if (!isWatching) process.once("exit", removeAll);
  isWatching = true;
  return folder;
}

export function removeOwnFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

function removeAll(): void {
  for (const folder of folders) removeOwnFolder(folder);
}

/** The number of a process means something among those who see the same processes. */
const prefix = (pid: number): string => `sampan-cluster-${pidNamespace()}-${pid}`;

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return process.platform;
  }
}

/** Others may sweep at the same time, and what cannot be removed is no reason to fail. */
function sweep(): void {
  const ours = new RegExp(`^sampan-cluster-${pidNamespace()}-(\\d+)-`);
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = ours.exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      continue;
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, and is somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
