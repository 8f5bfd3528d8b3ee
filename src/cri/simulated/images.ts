import { createHash } from "node:crypto";
import type { Clock } from "../../apimachinery/clock.ts";
import { CriError, type ImageInfo, type ImageService, type PullOptions } from "../runtime.ts";

export interface SimulatedImagesOptions {
  readonly clock: Clock;
  /** How long a pull takes. Default 0. */
  readonly pullMs?: number;
  /** The user that images name. By default one without privileges: what insists on such runs, as with its real image. */
  readonly user?: string;
  /** What the registries answer: an error fails the pull. By default every image exists but those named `…/missing…`. */
  readonly registry?: (reference: string, options: PullOptions) => CriError | undefined;
}

const unprivileged = "65532";

/** An image service that has every image one asks for, after a pull that takes as long as it is told. */
export class SimulatedImages implements ImageService {
  readonly #images = new Map<string, ImageInfo>();
  readonly #options: SimulatedImagesOptions;

  #revision = 0;

  constructor(options: SimulatedImagesOptions) {
    this.#options = options;
  }

  /** Grows with each change of what there is. */
  get revision(): number {
    return this.#revision;
  }

  /** Puts an image in place as `sampan image import` does. */
  add(reference: string, info: Partial<ImageInfo> = {}): ImageInfo {
    const name = withTag(reference);
    const digest = digestOf(name);
    const image: ImageInfo = {
      id: digest,
      repoTags: name.includes("@") ? [] : [name],
      repoDigests: [`${withoutTag(name)}@${name.split("@")[1] ?? digestOf(`manifest ${name}`)}`],
      sizeBytes: 1_000_000,
      pinned: false,
      user: this.#options.user ?? unprivileged,
      entrypoint: [],
      command: [],
      ...info,
    };
    this.#images.set(name, image);
    this.#revision++;
    return image;
  }

  listImages(): Promise<ImageInfo[]> {
    return Promise.resolve([...this.#images.values()]);
  }

  imageStatus(reference: string): Promise<ImageInfo | undefined> {
    return Promise.resolve(this.#find(reference)?.[1]);
  }

  async pullImage(reference: string, options: PullOptions): Promise<string> {
    const { clock, pullMs = 0, registry = missingByName } = this.#options;
    if (pullMs > 0) await clock.sleep(pullMs, options.signal);
    const error = registry(reference, options);
    if (error !== undefined) throw error;
    return (this.#find(reference)?.[1] ?? this.add(reference)).id;
  }

  removeImage(reference: string): Promise<void> {
    const name = this.#find(reference)?.[0];
    if (name !== undefined && this.#images.delete(name)) this.#revision++;
    return Promise.resolve();
  }

  imageFsInfo(): Promise<{ path: string; usedBytes: number }> {
    let usedBytes = 0;
    for (const image of this.#images.values()) usedBytes += image.sizeBytes;
    return Promise.resolve({ path: "/", usedBytes });
  }

  #find(reference: string): [string, ImageInfo] | undefined {
    const name = withTag(reference);
    const direct = this.#images.get(name);
    if (direct !== undefined) return [name, direct];
    return [...this.#images].find(([, image]) => image.id === reference || image.repoDigests.includes(name));
  }
}

function missingByName(reference: string): CriError | undefined {
  if (!/(^|\/)missing/.test(reference)) return undefined;
  return new CriError(
    "notFound",
    `failed to resolve reference "${withTag(reference)}": ${reference}: not found`,
  );
}

const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** `nginx` → `docker.io/library/nginx:latest`: the full name under which registries know it. */
function withTag(reference: string): string {
  const first = reference.split("/")[0] ?? "";
  const hosted = reference.includes("/") && (/[.:]/.test(first) || first === "localhost");
  const named = hosted ? reference : `docker.io/${reference.includes("/") ? "" : "library/"}${reference}`;
  const tagged = named.includes("@") || /:[^/]*$/.test(named);
  return reference.startsWith("sha256:") || tagged ? named : `${named}:latest`;
}

function withoutTag(name: string): string {
  const bare = name.split("@")[0] ?? name;
  return bare.replace(/:[^/]*$/, "");
}
