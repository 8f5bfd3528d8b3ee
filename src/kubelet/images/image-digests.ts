import type { ImageService } from "../../cri/runtime.ts";

/** Knows by which digest an image is called in statuses: the repository's where it was pulled, else the image's own. */
export class ImageDigests {
  readonly #images: ImageService;
  readonly #known = new Map<string, string>();

  constructor(images: ImageService) {
    this.#images = images;
  }

  get(imageId: string): string {
    return this.#known.get(imageId) ?? imageId;
  }

  /** Learns the digests of these images; those that were removed keep their id. */
  async learn(imageIds: Iterable<string>): Promise<void> {
    for (const id of imageIds) {
      if (this.#known.has(id)) continue;
      const image = await this.#images.imageStatus(id).catch(() => undefined);
      this.#known.set(id, image?.repoDigests[0] ?? id);
    }
  }
}
