/**
 * Images on disk. Every fact is a small JSON file that is written whole and renamed into place, so that a crash leaves
 * the old or the new, and two processes (the server and `sampan image import`) may work on one store.
 *
 *     images/<hex>.json       an image: its configuration and layers, by the digest of the configuration
 *     names/<encoded>.json    a name → image, and whether it is pinned
 *     layers/<short>/         one folder per layer, used in place as an overlay layer
 *     layers/<short>.json     what it is
 *     uses/<owner>.json       the images whose layers something mounts: not collected
 *     tmp/                    work under way
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../apimachinery/random.ts";
import { CriError, type ImageInfo } from "../cri/runtime.ts";
import { type ImageConfig, parseImageConfig } from "./image-config.ts";
import { formatReference, normalizeReference, parseReference } from "./reference.ts";

export interface StoredImage {
  /** `sha256:…` of the configuration. */
  readonly id: string;
  readonly config: ImageConfig;
  readonly sizeBytes: number;
}

interface StoredName {
  readonly reference: string;
  readonly imageId: string;
  readonly pinned: boolean;
}

interface StoredLayer {
  readonly diffId: string;
  readonly sizeBytes: number;
}

interface StoredUse {
  readonly imageIds: readonly string[];
  readonly layers: readonly string[];
}

/** Hexadecimal digits of a layer's folder: the kernel takes one page of options for all layers of a mount. */
const shortLength = 16;

export class ImageStore {
  readonly directory: string;
  readonly #random: Random;

  constructor(directory: string, random: Random) {
    this.directory = directory;
    this.#random = random;
    for (const part of ["images", "names", "layers", "uses", "tmp"]) {
      mkdirSync(join(directory, part), { recursive: true, mode: 0o711 });
    }
  }

  /** The folder in which overlay's relative layer names are valid. */
  get layersDirectory(): string {
    return join(this.directory, "layers");
  }

  /** A fresh folder on the store's own file system; the caller removes or renames it. */
  temporaryDirectory(): string {
    const path = join(this.directory, "tmp", this.#random.uuid());
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  image(id: string): StoredImage | undefined {
    return readJson<StoredImage>(join(this.directory, "images", `${hexOf(id)}.json`));
  }

  /** By full or short name, digest reference, id or unambiguous start of an id. */
  find(reference: string): StoredImage | undefined {
    const named = this.#named(reference);
    if (named !== undefined) return this.image(named);
    const hex = reference.replace(/^sha256:/, "");
    if (!/^[a-f0-9]{7,64}$/.test(hex)) return undefined;
    if (hex.length === 64) return this.image(hex);
    const matches = this.#list("images").filter((file) => file.startsWith(hex));
    return matches.length === 1 ? this.image((matches[0] ?? "").replace(".json", "")) : undefined;
  }

  list(): ImageInfo[] {
    const names = this.names();
    return this.#list("images")
      .map((file) => this.image(file.replace(".json", "")))
      .filter((image) => image !== undefined)
      .map((image) => imageInfo(image, names));
  }

  info(image: StoredImage): ImageInfo {
    return imageInfo(image, this.names());
  }

  names(): StoredName[] {
    return this.#list("names")
      .map((file) => readJson<StoredName>(join(this.directory, "names", file)))
      .filter((name) => name !== undefined);
  }

  /** Takes the configuration's text, whose digest is the id. The layers must be there. */
  putImage(id: string, configText: string): StoredImage {
    const config = parseImageConfig(configText);
    if (config === undefined) throw new CriError("invalidArgument", "the image configuration is not one");
    const layers = config.diffIds.map((diffId) => this.layer(diffId));
    if (layers.includes(undefined)) throw new CriError("internal", `a layer of ${id} is missing`);
    const sizeBytes = layers.reduce((sum, layer) => sum + (layer?.sizeBytes ?? 0), 0);
    const image: StoredImage = { id, config, sizeBytes };
    this.#write("images", hexOf(id), image);
    return image;
  }

  /** Points a name at an image. A name once pinned by hand stays pinned until it is removed. */
  putName(reference: string, imageId: string, pinned: boolean): void {
    const full = storedName(reference);
    const before = this.#nameFile(full);
    this.#write("names", encodeName(full), {
      reference: full,
      imageId,
      pinned: pinned || (before?.pinned === true && before.imageId === imageId),
    } satisfies StoredName);
  }

  removeName(reference: string): void {
    rmSync(join(this.directory, "names", `${encodeName(reference)}.json`), { force: true });
  }

  /** Forgets the image; its layers go with the next `collectLayers`. */
  removeImage(id: string): void {
    for (const name of this.names()) if (name.imageId === id) this.removeName(name.reference);
    rmSync(join(this.directory, "images", `${hexOf(id)}.json`), { force: true });
  }

  layer(diffId: string): StoredLayer | undefined {
    const short = shortName(diffId);
    const layer = readJson<StoredLayer>(join(this.layersDirectory, `${short}.json`));
    return layer?.diffId === diffId && existsSync(join(this.layersDirectory, short)) ? layer : undefined;
  }

  /** Moves an unpacked folder into its place. When it is there already, the new copy is dropped. */
  putLayer(layer: StoredLayer, unpacked: string): void {
    const short = shortName(layer.diffId);
    if (this.layer(layer.diffId) === undefined) {
      const target = join(this.layersDirectory, short);
      // A folder without its description is the rest of a crash.
      rmSync(target, { recursive: true, force: true });
      renameSync(unpacked, target);
      this.#write("layers", short, layer);
    }
    rmSync(unpacked, { recursive: true, force: true });
  }

  /** Folder names of the layers, the topmost first, as overlay wants them. */
  layerNames(image: StoredImage): string[] {
    return image.config.diffIds.map(shortName).reverse();
  }

  /** Keeps the images' layers while `owner` has them mounted. */
  use(owner: string, ...imageIds: readonly string[]): void {
    const diffIds = imageIds.flatMap((id) => this.image(id)?.config.diffIds ?? []);
    this.#write("uses", owner, { imageIds, layers: diffIds.map(shortName) } satisfies StoredUse);
  }

  release(owner: string): void {
    rmSync(join(this.directory, "uses", `${owner}.json`), { force: true });
  }

  imagesInUse(): Set<string> {
    return new Set(this.#uses().flatMap((use) => use.imageIds));
  }

  /** Removes layers that no image has and nothing mounts. Returns the bytes freed. */
  collectLayers(): number {
    const kept = new Set(this.#uses().flatMap((use) => use.layers));
    for (const file of this.#list("images")) {
      for (const diffId of this.image(file.replace(".json", ""))?.config.diffIds ?? [])
        kept.add(shortName(diffId));
    }
    let freed = 0;
    for (const file of this.#list("layers")) {
      const short = file.replace(".json", "");
      if (kept.has(short)) continue;
      const layer = readJson<StoredLayer>(join(this.layersDirectory, file));
      rmSync(join(this.layersDirectory, file), { force: true });
      rmSync(join(this.layersDirectory, short), { recursive: true, force: true });
      freed += layer?.sizeBytes ?? 0;
    }
    return freed;
  }

  usedBytes(): number {
    return this.#list("layers").reduce(
      (sum, file) => sum + (readJson<StoredLayer>(join(this.layersDirectory, file))?.sizeBytes ?? 0),
      0,
    );
  }

  #uses(): StoredUse[] {
    return this.#list("uses")
      .map((file) => readJson<StoredUse>(join(this.directory, "uses", file)))
      .filter((use) => use !== undefined);
  }

  #named(reference: string): string | undefined {
    try {
      return this.#nameFile(storedName(reference))?.imageId;
    } catch {
      return undefined;
    }
  }

  #nameFile(full: string): StoredName | undefined {
    return readJson<StoredName>(join(this.directory, "names", `${encodeName(full)}.json`));
  }

  #list(part: string): string[] {
    return readdirSync(join(this.directory, part)).filter((file) => file.endsWith(".json"));
  }

  #write(part: string, name: string, value: unknown): void {
    const temporary = join(this.directory, "tmp", this.#random.uuid());
    writeFileSync(temporary, JSON.stringify(value));
    renameSync(temporary, join(this.directory, part, `${name}.json`));
  }
}

function imageInfo(image: StoredImage, names: readonly StoredName[]): ImageInfo {
  const own = names.filter((name) => name.imageId === image.id);
  const isDigest = (name: StoredName): boolean => name.reference.includes("@");
  return {
    id: image.id,
    repoTags: own.filter((name) => !isDigest(name)).map((name) => name.reference),
    repoDigests: own.filter(isDigest).map((name) => name.reference),
    sizeBytes: image.sizeBytes,
    pinned: own.some((name) => name.pinned),
    user: image.config.user,
    entrypoint: image.config.entrypoint,
    command: image.config.command,
  };
}

/** With a digest the tag says nothing: `nginx:1@sha256:…` is `nginx@sha256:…`. */
function storedName(reference: string): string {
  const { tag: _, ...rest } = parseReference(reference);
  return rest.digest === undefined ? normalizeReference(reference) : formatReference(rest);
}

const hexOf = (id: string): string => id.replace(/^sha256:/, "");
const shortName = (diffId: string): string => hexOf(diffId).slice(0, shortLength);

/** Slashes and colons cannot stand in a file's name; 255 characters of a reference fit after encoding. */
const encodeName = (reference: string): string =>
  reference.replaceAll("%", "%25").replaceAll("/", "%2F").replaceAll(":", "%3A");

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENAMETOOLONG" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
