import type { ConfigMap } from "../../api/types/core-v1.ts";
import { keyedFiles } from "./keyed-files.ts";
import { defaultFileMode, type FileVolume, VolumeError } from "./volume.ts";

/** Files from a ConfigMap; they follow it. */
export const configMapVolume: FileVolume = {
  plugin: "kubernetes.io~configmap",
  secret: false,
  async files({ pod, volume, sources }) {
    const { name = "", items, optional = false, defaultMode = defaultFileMode } = volume.configMap ?? {};
    const map = await sources.configMap(pod.metadata.namespace ?? "", name);
    if (map === undefined && !optional) throw new VolumeError(`configmap "${name}" not found`);
    return keyedFiles(configMapData(map), items, defaultMode, optional);
  },
};

/** Text and binary entries together, as bytes. */
export function configMapData(map: ConfigMap | undefined): Map<string, Buffer> {
  const data = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(map?.data ?? {})) data.set(key, Buffer.from(text));
  for (const [key, base64] of Object.entries(map?.binaryData ?? {}))
    data.set(key, Buffer.from(base64, "base64"));
  return data;
}
