import { mkdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";
import type { Container, VolumeMount } from "../../api/types/core-v1.ts";
import type { ImageInfo, ImageMount, Mount } from "../../cri/runtime.ts";

/** A pod's volume as it lies on the node. */
export interface MountedVolume {
  readonly hostPath: string;
  /** The volume itself may not be written, whatever the mount says. */
  readonly readOnly: boolean;
}

/** By the volume's name in the pod's spec. */
export type MountedVolumes = ReadonlyMap<string, MountedVolume>;

/** By the volume's name: the image that it is. */
export type MountedImages = ReadonlyMap<string, ImageInfo>;

/** The mounts of a container's volumes, but for those that are images. `variable` answers `subPathExpr`. */
export async function containerMounts(
  container: Container,
  volumes: MountedVolumes,
  images: MountedImages,
  variable: (name: string) => string | undefined,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    if (images.has(mount.name)) continue;
    const volume = volumes.get(mount.name);
    if (volume === undefined)
      throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
    mounts.push({
      containerPath: containerPathOf(mount),
      hostPath: await hostPathOf(mount, volume, variable),
      readonly: volume.readOnly || mount.readOnly === true,
      propagation: propagationOf(mount),
    });
  }
  return mounts;
}

/** The mounts of a container's volumes that are images. */
export function imageMounts(
  container: Container,
  images: MountedImages,
  variable: (name: string) => string | undefined,
): ImageMount[] {
  return (container.volumeMounts ?? []).flatMap((mount) => {
    const image = images.get(mount.name);
    if (image === undefined) return [];
    const subPath = subPathOf(mount, variable);
    return [{ containerPath: containerPathOf(mount), imageId: image.id, subPath }];
  });
}

const containerPathOf = ({ mountPath }: VolumeMount): string =>
  isAbsolute(mountPath) ? mountPath : join("/", mountPath);

function propagationOf({ mountPropagation }: VolumeMount): Mount["propagation"] {
  if (mountPropagation === "Bidirectional") return "bidirectional";
  return mountPropagation === "HostToContainer" ? "hostToContainer" : "private";
}

async function hostPathOf(
  mount: VolumeMount,
  volume: MountedVolume,
  variable: (name: string) => string | undefined,
): Promise<string> {
  const subPath = subPathOf(mount, variable);
  return subPath === "" ? volume.hostPath : resolveInside(volume.hostPath, subPath);
}

function subPathOf(mount: VolumeMount, variable: (name: string) => string | undefined): string {
  const subPath = expandSubPath(mount, variable);
  if (isAbsolute(subPath)) throw new Error(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split("/").includes("..")) {
    throw new Error(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
  }
  return subPath;
}

function expandSubPath(
  { subPath = "", subPathExpr = "" }: VolumeMount,
  variable: (name: string) => string | undefined,
): string {
  if (subPathExpr === "") return subPath;
  let missing: string | undefined;
  const text = subPathExpr.replaceAll(/\$(\$|\(([^()]*)\))/g, (_, after: string, name = "") => {
    if (after === "$") return "$";
    const value = variable(String(name));
    if (value === undefined) missing ??= String(name);
    return value ?? "";
  });
  if (missing !== undefined) {
    throw new Error(`failed to expand subPathExpr "${subPathExpr}": missing value for "${missing}"`);
  }
  return text;
}

/**
 * The real path of something in a volume, made as a directory where it is not there. A symbolic link that leads out of
 * the volume is refused: its owner must not reach the node's files with it.
 */
async function resolveInside(root: string, subPath: string): Promise<string> {
  const realRoot = await realpath(root);
  let current = realRoot;
  for (const part of subPath.split("/").filter((part) => part !== "" && part !== ".")) {
    const next = join(current, part);
    if ((await stat(next).catch(() => undefined)) === undefined) await mkdir(next, { mode: 0o750 });
    current = await realpath(next);
    if (current !== realRoot && !current.startsWith(realRoot + sep)) {
      throw new Error(`failed to prepare subPath for volumeMount: ${subPath} leads out of the volume`);
    }
  }
  return current;
}
