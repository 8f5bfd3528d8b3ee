import type { DownwardAPIVolumeFile } from "../../api/types/core-v1.ts";
import { fieldText, resourceText } from "../environment/field-paths.ts";
import {
  defaultFileMode,
  type FileVolume,
  VolumeError,
  type VolumeFiles,
  type VolumeRequest,
} from "./volume.ts";

/** Files from the pod's own fields; labels and annotations follow their changes. */
export const downwardApiVolume: FileVolume = {
  plugin: "kubernetes.io~downward-api",
  secret: false,
  files(request) {
    const { items = [], defaultMode = defaultFileMode } = request.volume.downwardAPI ?? {};
    return Promise.resolve(downwardFiles(request, items, defaultMode));
  },
};

export function downwardFiles(
  { pod, fields }: VolumeRequest,
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
): VolumeFiles {
  const files: VolumeFiles = new Map();
  for (const { path, fieldRef, resourceFieldRef, mode = defaultMode } of items) {
    let text: string | undefined;
    if (fieldRef !== undefined) text = fieldText(pod, fieldRef.fieldPath, fields);
    else if (resourceFieldRef !== undefined)
      text = resourceText(pod, undefined, resourceFieldRef, fields.allocatable);
    if (text === undefined) throw new VolumeError(`unsupported fieldPath: ${fieldRef?.fieldPath}`);
    files.set(path, { data: Buffer.from(text), mode });
  }
  return files;
}
