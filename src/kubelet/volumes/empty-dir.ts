import { chmod, mkdir } from "node:fs/promises";
import { Quantity } from "../../apimachinery/quantity.ts";
import { type PlaceVolume, VolumeError } from "./volume.ts";

/** An empty directory that lives as long as the pod: on disk, or in memory. */
export const emptyDirVolume: PlaceVolume = {
  plugin: "kubernetes.io~empty-dir",
  async setUp({ volume, directory, tmpfs }) {
    const { medium = "", sizeLimit } = volume.emptyDir ?? {};
    if (medium !== "" && medium !== "Memory") throw new VolumeError(`unknown storage medium "${medium}"`);
    await mkdir(directory, { recursive: true });
    if (medium === "Memory") {
      const limit = sizeLimit === undefined ? undefined : Number(Quantity.parse(sizeLimit).value());
      await tmpfs.ensure(directory, limit === undefined || limit === 0 ? {} : { sizeBytes: limit });
    }
    await chmod(directory, 0o777);
    return { hostPath: directory, groupOwned: true };
  },
};
