import type { Secret } from "../../api/types/core-v1.ts";
import { keyedFiles } from "./keyed-files.ts";
import { defaultFileMode, type FileVolume, VolumeError } from "./volume.ts";

/** Files from a Secret; they follow it, and lie in memory where the node can mount. */
export const secretVolume: FileVolume = {
  plugin: "kubernetes.io~secret",
  secret: true,
  async files({ pod, volume, sources }) {
    const { secretName = "", items, optional = false, defaultMode = defaultFileMode } = volume.secret ?? {};
    const secret = await sources.secret(pod.metadata.namespace ?? "", secretName);
    if (secret === undefined && !optional) throw new VolumeError(`secret "${secretName}" not found`);
    return keyedFiles(secretData(secret), items, defaultMode, optional);
  },
};

export function secretData(secret: Secret | undefined): Map<string, Buffer> {
  const entries = Object.entries(secret?.data ?? {});
  return new Map(entries.map(([key, base64]) => [key, Buffer.from(base64, "base64")]));
}
