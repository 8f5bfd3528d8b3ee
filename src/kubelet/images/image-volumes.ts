import type { Container, Pod, Volume } from "../../api/types/core-v1.ts";
import type { ImageInfo } from "../../cri/runtime.ts";
import { StartError } from "../start-error.ts";
import type { ImagePuller } from "./image-puller.ts";

/** By volume name: the image, or why it could not be had. */
export type ImageVolumes = ReadonlyMap<string, ImageInfo | StartError>;

/**
 * Brings the images of a pod's volumes onto the node, one after the other. What fails is kept for the containers that
 * mount it: their status is where it shows. Mirrors getImageVolumes of pkg/kubelet/kuberuntime.
 */
export async function ensureImageVolumes(
  pod: Pod,
  puller: ImagePuller,
  signal: AbortSignal,
): Promise<ImageVolumes> {
  const images = new Map<string, ImageInfo | StartError>();
  for (const { name, image } of imageVolumesOf(pod)) {
    const wanted = { image: image?.reference ?? "", policy: image?.pullPolicy };
    try {
      images.set(name, await puller.ensure(pod, wanted, signal));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      images.set(name, error);
    }
  }
  return images;
}

/** All image references whose pull can hold a container back: its own, and those of the volumes that it mounts. */
export function imagesOf(pod: Pod, { image = "", volumeMounts = [] }: Container): string[] {
  const mounted = new Set(volumeMounts.map(({ name }) => name));
  const volumes = imageVolumesOf(pod).filter(({ name }) => mounted.has(name));
  return [image, ...volumes.map((volume) => volume.image?.reference ?? "")];
}

function imageVolumesOf(pod: Pod): Volume[] {
  return (pod.spec?.volumes ?? []).filter(({ image }) => image !== undefined);
}
