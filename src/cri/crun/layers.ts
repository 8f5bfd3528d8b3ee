/** The files of images in a container's own folder: its root file system, and the images that are mounted in it. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { StoredImage } from "../../images/image-store.ts";
import { CriError, type ImageMount } from "../runtime.ts";
import type { Engine } from "./engine.ts";
import { resolveInRoot } from "./users.ts";

/** The image's layers, with a folder of the container's own on top. Returns the root of them all. */
export async function mountLayers(engine: Engine, directory: string, image: StoredImage): Promise<string> {
  const rootfs = join(directory, "rootfs");
  for (const part of ["rootfs", "upper", "work"]) mkdirSync(join(directory, part), { mode: 0o755 });
  const layers = engine.images.layerNames(image);
  if (layers.length === 0) return rootfs;
  await engine.system.mount({
    source: "overlay",
    target: rootfs,
    type: "overlay",
    flags: [],
    data: `lowerdir=${layers.join(":")},upperdir=${join(directory, "upper")},workdir=${join(directory, "work")}`,
    workingDirectory: engine.images.layersDirectory,
  });
  return rootfs;
}

/**
 * Brings images into place for a container: each in a folder of the container, so that it goes when the container goes,
 * whoever else has the image. Returns what is to be bound where.
 */
export async function mountImages(
  engine: Engine,
  directory: string,
  mounts: readonly ImageMount[],
): Promise<{ containerPath: string; hostPath: string }[]> {
  const files: { containerPath: string; hostPath: string }[] = [];
  for (const [index, { containerPath, imageId, subPath }] of mounts.entries()) {
    const image = engine.images.image(imageId);
    if (image === undefined) throw mountFailed(`image "${imageId}": not found`);
    const place = join(imagesDirectory(directory), String(index));
    mkdirSync(place, { recursive: true, mode: 0o711 });
    const hostPath = resolveInRoot(await mountLayers(engine, place, image), subPath);
    if (!existsSync(hostPath)) {
      throw mountFailed(`the image "${imageId}" has no "${subPath}"`);
    }
    files.push({ containerPath, hostPath });
  }
  return files;
}

/** Unmounts all of a container's folder; what is not mounted is left alone. */
export async function unmountLayers(engine: Engine, directory: string): Promise<void> {
  const images = imagesDirectory(directory);
  const places = existsSync(images) ? readdirSync(images).map((name) => join(images, name)) : [];
  for (const place of [directory, ...places]) await engine.system.unmount(join(place, "rootfs"));
}

const imagesDirectory = (directory: string): string => join(directory, "images");

/** The kubelet's name for this failure comes first: by it others tell it apart. */
const mountFailed = (message: string): CriError =>
  new CriError("notFound", `ImageVolumeMountFailed: ${message}`);
