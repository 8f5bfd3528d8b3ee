import type { Volume } from "../../api/types/core-v1.ts";
import { configMapVolume } from "./config-map.ts";
import { downwardApiVolume } from "./downward-api.ts";
import { emptyDirVolume } from "./empty-dir.ts";
import { hostPathVolume } from "./host-path.ts";
import { imageVolume } from "./image.ts";
import { claimVolume, ephemeralVolume } from "./persistent-claim.ts";
import { projectedVolume } from "./projected.ts";
import { secretVolume } from "./secret.ts";
import { kindOf, unsupportedVolume } from "./unsupported.ts";
import type { VolumeKind } from "./volume.ts";

/** Every kind of volume that this node knows, by its name in the pod's spec. */
const kinds: Readonly<Record<string, VolumeKind>> = {
  configMap: configMapVolume,
  downwardAPI: downwardApiVolume,
  emptyDir: emptyDirVolume,
  ephemeral: ephemeralVolume,
  hostPath: hostPathVolume,
  image: imageVolume,
  persistentVolumeClaim: claimVolume,
  projected: projectedVolume,
  secret: secretVolume,
};

export function volumeKind(volume: Volume): VolumeKind {
  return kinds[kindOf(volume)] ?? unsupportedVolume;
}
