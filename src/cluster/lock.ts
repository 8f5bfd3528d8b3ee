import { mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { processStartTime } from "./process-start.ts";

/**
 * Runs the work while no other process runs work under the lock of that path. A holder that was killed holds nobody. The
 * lock is a link that leads nowhere: it is there whole or not at all, says who has it, and takes no space of a full disk.
 */
export async function withLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  while (!take(lock)) await wait(20);
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string): boolean {
  try {
    mkdirSync(dirname(lock), { recursive: true, mode: 0o711 });
    symlinkSync(`${process.pid} ${processStartTime(process.pid)}`, lock);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Whoever took the last file of the folder away took the folder too, just now.
    if (code === "ENOENT") return false;
    if (code !== "EEXIST") throw error;
  }
  if (!isHeld(lock)) rmSync(lock, { force: true });
  return false;
}

function isHeld(lock: string): boolean {
  try {
    const [pid, startTime] = readlinkSync(lock).split(" ");
    return startTime !== undefined && processStartTime(Number(pid)) === startTime;
  } catch {
    return false;
  }
}
