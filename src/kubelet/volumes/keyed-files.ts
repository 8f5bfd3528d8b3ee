import type { KeyToPath } from "../../api/types/core-v1.ts";
import { VolumeError, type VolumeFiles } from "./volume.ts";

/**
 * Files from the keys of a ConfigMap or Secret: all of them, or the items that are named. A named key that is not
 * there fails the volume unless it is optional.
 */
export function keyedFiles(
  data: ReadonlyMap<string, Buffer>,
  items: readonly KeyToPath[] | undefined,
  defaultMode: number,
  optional: boolean,
): VolumeFiles {
  const files: VolumeFiles = new Map();
  if (items === undefined || items.length === 0) {
    for (const [key, bytes] of data) files.set(key, { data: bytes, mode: defaultMode });
    return files;
  }
  for (const { key, path, mode } of items) {
    const bytes = data.get(key);
    if (bytes !== undefined) files.set(path, { data: bytes, mode: mode ?? defaultMode });
    else if (!optional) throw new VolumeError(`references non-existent config key: ${key}`);
  }
  return files;
}
