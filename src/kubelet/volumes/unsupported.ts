import type { Volume } from "../../api/types/core-v1.ts";
import { type PlaceVolume, VolumeError } from "./volume.ts";

/** A kind that this node cannot mount: refused by name, so that the pod's events say why it waits. */
export const unsupportedVolume: PlaceVolume = {
  plugin: "sampan.dev~unsupported",
  setUp({ volume }) {
    return Promise.reject(
      new VolumeError(`volumes of type ${kindOf(volume)} are not supported by this node`),
    );
  },
};

export function kindOf(volume: Volume): string {
  return (
    Object.entries(volume).find(([key, value]) => key !== "name" && value !== undefined)?.[0] ?? "emptyDir"
  );
}
