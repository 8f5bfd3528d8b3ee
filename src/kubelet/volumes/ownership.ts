import type { Stats } from "node:fs";
import { chmod, lchown, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * Gives a volume to the pod's fsGroup: group ownership all the way down, access for the group, and the bit that makes
 * new files belong to it too. Mirrors pkg/volume/volume_linux.go.
 */
export async function giveToGroup(root: string, group: number, onRootMismatch: boolean): Promise<void> {
  const top = await lstat(root);
  if (onRootMismatch && isGiven(top, group)) return;
  await giveTree(root, top, group);
}

function isGiven(info: Stats, group: number): boolean {
  const mode = modeFor(info);
  return info.gid === group && (info.mode & mode) === mode;
}

async function giveTree(path: string, info: Stats, group: number): Promise<void> {
  if (info.gid !== group) await lchown(path, info.uid, group);
  if (info.isSymbolicLink()) return;
  const mode = modeFor(info);
  if ((info.mode & mode) !== mode) await chmod(path, (info.mode & 0o7777) | mode);
  if (!info.isDirectory()) return;
  for (const name of await readdir(path))
    await giveTree(join(path, name), await lstat(join(path, name)), group);
}

/** What the group may do: read and write files, enter directories, which pass their group on. */
function modeFor(info: Stats): number {
  return info.isDirectory() ? 0o2770 : 0o660;
}
