import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { mountsBelow } from "./mount-table.ts";
import type { LogFiles, Mounter } from "./options.ts";
import type { Paths } from "./paths.ts";

/** Removes what pods that are no longer known left on disk: after a crash, or after pods were deleted meanwhile. */
export async function removeOrphanDirectories(
  paths: Paths,
  logs: LogFiles,
  mounter: Mounter | undefined,
  isKnown: (uid: string) => boolean,
): Promise<void> {
  for (const uid of await readdir(paths.pods).catch(() => [])) {
    if (!isKnown(uid)) await removeUnmounted(paths.pod(uid), mounter);
  }
  for (const name of await readdir(join(paths.root, "logs")).catch(() => [])) {
    const uid = name.slice(name.lastIndexOf("_") + 1);
    if (!isKnown(uid)) await logs.removeTree(join(paths.root, "logs", name));
  }
}

/**
 * Removes a directory, after unmounting what is mounted below it. Throws, and removes nothing, when something stays
 * mounted: what looks like the pod's may then be somebody's disk.
 */
export async function removeUnmounted(directory: string, mounter: Mounter | undefined): Promise<void> {
  // The deepest first: what is mounted inside another mount has to go before it.
  const mounts = (await mountsBelow(directory)).sort((a, b) => b.length - a.length);
  for (const path of mounts) await mounter?.unmount(path);
  const left = mounts.length === 0 ? [] : await mountsBelow(directory);
  if (left.length > 0) throw new Error(`${directory} is not removed: ${left.join(", ")} is still mounted`);
  await rm(directory, { recursive: true, force: true });
}
