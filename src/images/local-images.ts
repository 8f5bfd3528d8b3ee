/** The ImageService over a store on this machine's disk. */
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { Random } from "../apimachinery/random.ts";
import { CriError, type ImageInfo, type ImageService, type PullOptions } from "../cri/runtime.ts";
import { assembleHostImage, hostImageName } from "./host-image.ts";
import { readImageArchive } from "./image-archive.ts";
import { ImageStore, type StoredImage } from "./image-store.ts";
import { LayerUnpacker } from "./layer-unpacker.ts";
import { normalizeReference } from "./reference.ts";
import { pull } from "./registry/pull.ts";

export interface LocalImagesOptions {
  /** Images live in it. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** A file that says how registries are reached (registry/registry-config.ts); it may be absent. */
  readonly registryConfig?: string;
}

export class LocalImages implements ImageService {
  readonly store: ImageStore;
  readonly #options: LocalImagesOptions;
  readonly #pulls = new Map<string, Promise<string>>();
  #host: Promise<StoredImage> | undefined;

  constructor(options: LocalImagesOptions) {
    this.#options = options;
    this.store = new ImageStore(options.directory, options.random);
  }

  async listImages(): Promise<ImageInfo[]> {
    return this.store.list();
  }

  async imageStatus(reference: string): Promise<ImageInfo | undefined> {
    const image = this.#isHostImage(reference) ? await this.#hostImage() : this.store.find(reference);
    return image === undefined ? undefined : this.store.info(image);
  }

  /** Two calls for the same name share one download. */
  async pullImage(reference: string, options: PullOptions): Promise<string> {
    const name = normalizeReference(reference);
    if (name === hostImageName) return (await this.#hostImage()).id;
    const underWay = this.#pulls.get(name);
    if (underWay !== undefined && options.credentials.length === 0) return underWay;
    const { clock, registryConfig: configFile } = this.#options;
    const started = pull({ store: this.store, clock, configFile }, reference, options);
    this.#pulls.set(name, started);
    try {
      return await started;
    } finally {
      if (this.#pulls.get(name) === started) this.#pulls.delete(name);
    }
  }

  /**
   * Takes the images of an archive or OCI layout and pins them. `name` replaces the names of an archive that holds one
   * image. Throws `invalidArgument` when it is no image or the image has no name.
   */
  async importImage(path: string, name?: string): Promise<ImageInfo[]> {
    const temporary = this.store.temporaryDirectory();
    const unpacker = new LayerUnpacker(this.store);
    try {
      const archived = await readImageArchive(path, temporary);
      if (name !== undefined && archived.length > 1) {
        throw new CriError(
          "invalidArgument",
          `${path} holds ${archived.length} images: one name is not enough`,
        );
      }
      const imported: ImageInfo[] = [];
      for (const { configText, layers, names } of archived) {
        const given = name === undefined ? names : [name];
        if (given.length === 0) {
          throw new CriError("invalidArgument", `${path} does not say the image's name: give it with --name`);
        }
        given.forEach((one) => normalizeReference(one));
        const { diffIds } = this.#config(configText);
        for (const [index, layer] of layers.entries()) await unpacker.unpack(layer, diffIds[index]);
        const image = this.store.putImage(digestOf(configText), configText);
        for (const one of given) this.store.putName(one, image.id, true);
        imported.push(this.store.info(image));
      }
      return imported;
    } finally {
      await unpacker.close();
      rmSync(temporary, { recursive: true, force: true });
    }
  }

  /** A name goes, and the image with its last name; an id takes all its names along. Absent is success. */
  async removeImage(reference: string): Promise<void> {
    const image = this.store.find(reference);
    if (image === undefined) return;
    if (this.store.imagesInUse().has(image.id)) {
      throw new CriError("failedPrecondition", `image ${reference} is used by a container`);
    }
    const byName = this.#fullName(reference);
    const names = this.store.names().filter((name) => name.imageId === image.id);
    if (byName !== undefined && names.some((name) => name.reference === byName) && names.length > 1) {
      this.store.removeName(byName);
      const left = names.filter((name) => name.reference !== byName);
      // A digest alone is not a reason to keep an image whose tag was removed by hand.
      if (left.some((name) => !name.reference.includes("@"))) return;
    }
    this.store.removeImage(image.id);
    this.store.collectLayers();
  }

  async imageFsInfo(): Promise<{ readonly path: string; readonly usedBytes: number }> {
    return { path: this.#options.directory, usedBytes: this.store.usedBytes() };
  }

  /** Removes images that are neither pinned nor used by a container; returns the bytes freed. */
  async collectGarbage(): Promise<number> {
    const used = this.store.imagesInUse();
    for (const image of this.store.list()) {
      if (!image.pinned && !used.has(image.id)) this.store.removeImage(image.id);
    }
    return this.store.collectLayers();
  }

  #isHostImage(reference: string): boolean {
    return reference.startsWith("sampan.dev/") && this.#fullName(reference) === hostImageName;
  }

  /** Assembled when it is first asked for, and anew when Sampan runs on another Node. */
  #hostImage(): Promise<StoredImage> {
    this.#host ??= assembleHostImage(this.store).catch((error: unknown) => {
      this.#host = undefined;
      throw error;
    });
    return this.#host;
  }

  #config(text: string): { readonly diffIds: readonly string[] } {
    const rootfs = (JSON.parse(text) as { rootfs: { diff_ids: string[] } }).rootfs;
    return { diffIds: rootfs.diff_ids };
  }

  #fullName(reference: string): string | undefined {
    try {
      return normalizeReference(reference);
    } catch {
      return undefined;
    }
  }
}

const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
