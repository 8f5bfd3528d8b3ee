/** The files of images in a container's own folder: its root file system, and the images that are mounted in it. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { StoredImage } from "../../images/image-store.ts";
import { CriError, type ImageMount } from "../runtime.ts";
import type { Engine } from "./engine.ts";
import { resolveInRoot } from "./users.ts";

/** Two folders of a container's, or of an image that is mounted in it. */
interface LayerPlace {
  /** Where the layers are seen as one. */
  readonly mounted: string;
  /** What is written, on the disk. */
  readonly written: string;
}

const ownPlace = ({ places }: Engine, id: string): LayerPlace => ({
  mounted: places.container(id),
  written: places.layers(id),
});

/** The image's layers, with a folder of the container's own on top. Returns the root of them all. */
export function mountRoot(engine: Engine, id: string, image: StoredImage): Promise<string> {
  return mountLayers(engine, ownPlace(engine, id), image);
}

async function mountLayers(engine: Engine, place: LayerPlace, image: StoredImage): Promise<string> {
  const rootfs = join(place.mounted, "rootfs");
  const [upper, work] = [join(place.written, "upper"), join(place.written, "work")];
  mkdirSync(place.written, { recursive: true, mode: 0o711 });
  for (const folder of [rootfs, upper, work]) mkdirSync(folder, { mode: 0o755 });
  const layers = engine.images.layerNames(image);
  if (layers.length === 0) return rootfs;
  await engine.system.mount({
    source: "overlay",
    target: rootfs,
    type: "overlay",
    flags: [],
    data: `lowerdir=${layers.join(":")},upperdir=${upper},workdir=${work}`,
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
  id: string,
  mounts: readonly ImageMount[],
): Promise<{ containerPath: string; hostPath: string }[]> {
  const files: { containerPath: string; hostPath: string }[] = [];
  for (const [index, { containerPath, imageId, subPath }] of mounts.entries()) {
    const image = engine.images.image(imageId);
    if (image === undefined) throw mountFailed(`image "${imageId}": not found`);
    const { mounted, written } = ownPlace(engine, id);
    const place = {
      mounted: join(imagesIn(mounted), String(index)),
      written: join(imagesIn(written), String(index)),
    };
    mkdirSync(place.mounted, { recursive: true, mode: 0o711 });
    const hostPath = resolveInRoot(await mountLayers(engine, place, image), subPath);
    if (!existsSync(hostPath)) {
      throw mountFailed(`the image "${imageId}" has no "${subPath}"`);
    }
    files.push({ containerPath, hostPath });
  }
  return files;
}

/** Unmounts all that a container has mounted; what is not mounted is left alone. */
export async function unmountLayers(engine: Engine, id: string): Promise<void> {
  const directory = engine.places.container(id);
  const images = imagesIn(directory);
  const places = existsSync(images) ? readdirSync(images).map((name) => join(images, name)) : [];
  for (const place of [directory, ...places]) await engine.system.unmount(join(place, "rootfs"));
}

const imagesIn = (directory: string): string => join(directory, "images");

/** The kubelet's name for this failure comes first: by it others tell it apart. */
const mountFailed = (message: string): CriError =>
  new CriError("notFound", `ImageVolumeMountFailed: ${message}`);
