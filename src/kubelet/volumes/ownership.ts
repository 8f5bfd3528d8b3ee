import type { Stats } from "node:fs";
import { chmod, lchown, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** To whom a volume goes, and whether they may write to it. */
export interface NewOwner {
  readonly group: number;
  /** The volume is not written by containers: reading is all that the group is given. */
  readonly readOnly: boolean;
}

/**
 * Gives a volume to the pod's fsGroup: group ownership all the way down, access for the group, and the bit that makes
 * new files belong to it too. Mirrors pkg/volume/volume_linux.go.
 */
export async function giveToGroup(root: string, owner: NewOwner, onRootMismatch: boolean): Promise<void> {
  const top = await lstat(root);
  if (onRootMismatch && isGiven(top, owner)) return;
  await giveTree(root, top, owner);
}

function isGiven(info: Stats, owner: NewOwner): boolean {
  const mode = modeFor(info, owner);
  return info.gid === owner.group && (info.mode & mode) === mode;
}

async function giveTree(path: string, info: Stats, owner: NewOwner): Promise<void> {
  if (info.gid !== owner.group) await lchown(path, info.uid, owner.group);
  if (info.isSymbolicLink()) return;
  const mode = modeFor(info, owner);
  if ((info.mode & mode) !== mode) await chmod(path, (info.mode & 0o7777) | mode);
  if (!info.isDirectory()) return;
  for (const name of await readdir(path))
    await giveTree(join(path, name), await lstat(join(path, name)), owner);
}

/** What owner and group may do: read and write files, enter directories, which pass their group on. */
function modeFor(info: Stats, { readOnly }: NewOwner): number {
  return (readOnly ? 0o440 : 0o660) | (info.isDirectory() ? 0o2110 : 0);
}
