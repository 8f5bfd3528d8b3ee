import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";

/** Folders of this process that were not removed yet. */
const folders = new Set<string>();
let isWatching = false;

/** What clears away behind this process; undefined before there is anything to be cleared away. */
let sweeper: Promise<Writable> | undefined;

/**
 * A folder that only its owner may read, and that ends with this process at the latest. When that is killed, a shell
 * removes it, and where there is none, the next process that makes one.
 */
export async function makeOwnFolder(): Promise<string> {
  sweeper ??= startSweeper();
  const told = await sweeper;
  sweep();
  const folder = mkdtempSync(join(tmpdir(), `${prefix(process.pid)}-`));
  folders.add(folder);
  told.write(`${folder}\n`);
  if (!isWatching) process.once("exit", removeAll);
  isWatching = true;
  return folder;
}

export function removeOwnFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

/**
 * A shell that is told of each folder and reads on until nobody is there to tell it of more: however a process ends, the
 * kernel closes its pipes. It is out of reach of the signals of a terminal, and keeps nobody alive. It is nobody's child:
 * when only the thread ends that began it, there is nobody left in this process who would notice its end.
 */
async function startSweeper(): Promise<Writable> {
  // A child's standard input would be closed with the end of the shell that goes into the background.
  const script = '{ while IFS= read -r folder; do set -- "$@" "$folder"; done; rm -rf -- "$@"; } <&3 3<&- &';
  const shell = spawn("/bin/sh", ["-c", script, "sampan-sweeper"], {
    detached: true,
    cwd: "/",
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const folders = shell.stdio[3] as Writable;
  // Where there is no shell, or where it was ended, the next process clears away.
  folders.on("error", () => undefined);
  if ("unref" in folders && typeof folders.unref === "function") folders.unref();
  await new Promise((resolve) => shell.once("exit", resolve).once("error", resolve));
  return folders;
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
