import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { ImageInfo, ImageService, RuntimeService } from "../../cri/runtime.ts";

/** An image is left alone for this long after it was first seen: somebody may be about to use it. */
const ageMsMin = 120_000;

/** Removes images that no container uses and nobody imported, those longest unused first. */
export class ImageCollector {
  readonly #images: ImageService;
  readonly #runtime: RuntimeService;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By image id: when it was first seen, and last seen in use. */
  readonly #seen = new Map<string, { firstMs: number; usedMs: number }>();

  constructor(options: { images: ImageService; runtime: RuntimeService; clock: Clock; logger: Logger }) {
    this.#images = options.images;
    this.#runtime = options.runtime;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Takes notice of which images there are and which are in use. */
  async look(): Promise<{ images: ImageInfo[]; used: Set<string> }> {
    const [images, containers] = await Promise.all([
      this.#images.listImages(),
      this.#runtime.listContainers(),
    ]);
    const used = new Set(containers.flatMap(({ imageId, mountedImageIds }) => [imageId, ...mountedImageIds]));
    const nowMs = this.#clock.now();
    for (const { id } of images) {
      const { firstMs = nowMs, usedMs = 0 } = this.#seen.get(id) ?? {};
      this.#seen.set(id, { firstMs, usedMs: used.has(id) ? nowMs : usedMs });
    }
    return { images, used };
  }

  /** Removes what may be removed until that many bytes are free; returns how many are. */
  async free(bytes: number): Promise<number> {
    const { images, used } = await this.look();
    const nowMs = this.#clock.now();
    const at = (id: string): { firstMs: number; usedMs: number } =>
      this.#seen.get(id) ?? { firstMs: nowMs, usedMs: 0 };
    const unused = images
      .filter(({ id, pinned }) => !pinned && !used.has(id) && nowMs - at(id).firstMs >= ageMsMin)
      .sort((a, b) => at(a.id).usedMs - at(b.id).usedMs || at(a.id).firstMs - at(b.id).firstMs);
    let freed = 0;
    for (const { id, sizeBytes, repoTags } of unused) {
      if (freed >= bytes) break;
      this.#logger.info("removing an image that nobody uses", { image: repoTags[0] ?? id, sizeBytes });
      await this.#images.removeImage(id);
      this.#seen.delete(id);
      freed += sizeBytes;
    }
    return freed;
  }
}
