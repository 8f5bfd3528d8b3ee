import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LocalVolumes } from "../controller/local-provisioner/index.ts";
import { localNodeName } from "./names.ts";

/** Folders of the default StorageClass, in the cluster's own. */
export function localVolumes(directory: string): LocalVolumes {
  const pathOf = (volume: string): string => join(directory, "volumes", volume);
  return {
    nodeName: localNodeName(),
    async create(volume) {
      await mkdir(pathOf(volume), { recursive: true });
      // Whoever a container runs as must be able to write, as with other provisioners of folders; mkdir heeds the umask.
      await chmod(pathOf(volume), 0o777);
      return pathOf(volume);
    },
    remove: (volume) => rm(pathOf(volume), { recursive: true, force: true }),
  };
}

/** Volumes for pods that only pretend: paths that nobody looks into, on whatever node. */
export const pretendedVolumes = (nodeName: string): LocalVolumes => ({
  nodeName,
  everywhere: true,
  create: (volume) => Promise.resolve(`/simulated/${volume}`),
  remove: () => Promise.resolve(),
});
