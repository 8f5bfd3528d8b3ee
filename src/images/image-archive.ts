/**
 * Images as files: what `docker save` writes, and OCI layouts; each as a folder, a tar, or a compressed tar. Layers are
 * unpacked straight out of the archive, at their offset; only a compressed archive is first written out in full.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  createWriteStream,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CriError } from "../cri/runtime.ts";
import {
  hostArchitecture,
  objectAt,
  objectsAt,
  parseImageConfig,
  parseObject,
  stringAt,
  stringsAt,
} from "./image-config.ts";
import { type TarEntry, TarError } from "./tar-reader.ts";
import { type ByteSource, compressionOf, decompressed, readArchive } from "./unpack.ts";

/** Files of an archive by their names in it. */
interface ArchiveFiles {
  source(name: string): ByteSource | undefined;
}

export interface ArchivedImage {
  readonly configText: string;
  /** One per diff id, in the same order. */
  readonly layers: readonly ByteSource[];
  /** Names that the archive gives it; may be empty. */
  readonly names: readonly string[];
}

/** Configurations and indexes beyond this are not those of images. */
const maxJsonBytes = 8 << 20;

/**
 * Reads what is in the file or folder. `temporaryDirectory` takes an uncompressed copy where one is needed; it must
 * live until the layers were read. Throws `invalidArgument` when there is no image in it, `notFound` when it is absent.
 */
export async function readImageArchive(path: string, temporaryDirectory: string): Promise<ArchivedImage[]> {
  const files = await openFiles(path, temporaryDirectory);
  const docker = files.source("manifest.json");
  const images = docker === undefined ? readOciLayout(files) : readDockerManifest(files, docker);
  if (images.length === 0)
    throw noImage(path, "it holds neither manifest.json (docker save) nor index.json (OCI)");
  return images;
}

function noImage(path: string, why: string): CriError {
  return new CriError("invalidArgument", `${path} is not an image archive: ${why}`);
}

async function openFiles(path: string, temporaryDirectory: string): Promise<ArchiveFiles> {
  if (!existsSync(path)) throw new CriError("notFound", `${path}: no such file`);
  if (statSync(path).isDirectory()) {
    return {
      source: (name) => {
        const file = join(path, safeName(name));
        return existsSync(file) ? { file, offset: 0, sizeBytes: statSync(file).size } : undefined;
      },
    };
  }
  return tarFiles(path, temporaryDirectory);
}

async function tarFiles(path: string, temporaryDirectory: string): Promise<ArchiveFiles> {
  let archive: ByteSource = { file: path, offset: 0, sizeBytes: statSync(path).size };
  const entries = new Map<string, ByteSource>();
  const links = new Map<string, string>();
  try {
    if (compressionOf(firstBytes(path)) !== "none") {
      const plain = join(temporaryDirectory, "archive.tar");
      await pipeline(Readable.from(decompressed(archive)), createWriteStream(plain));
      archive = { file: plain, offset: 0, sizeBytes: statSync(plain).size };
    }
    await readArchive(archive, {
      begin(entry: TarEntry, offset) {
        const name = entry.name.replace(/^\.\//, "");
        if (entry.type === "file")
          entries.set(name, { file: archive.file, offset, sizeBytes: entry.sizeBytes });
        // docker save writes a layer that is in two images once, and a link to it.
        if (entry.type === "hardlink") links.set(name, entry.linkName);
        if (entry.type === "symlink") links.set(name, join(name, "..", entry.linkName));
      },
      data() {},
      end() {},
    });
  } catch (error) {
    if (error instanceof TarError || /^Z_|^ZSTD_/.test((error as NodeJS.ErrnoException).code ?? "")) {
      throw noImage(path, (error as Error).message);
    }
    throw error;
  }
  return { source: (name) => entries.get(name) ?? entries.get(links.get(name) ?? "") };
}

/** `manifest.json` of docker save: a list of configuration, names and layers. */
function readDockerManifest(files: ArchiveFiles, manifest: ByteSource): ArchivedImage[] {
  const items = objectsAt(parseObject(`{"items":${readText(manifest)}}`), "items");
  return items.map((item) => {
    const config = requireSource(files, stringAt(item, "Config"));
    const layers = (stringsAt(item, "Layers") ?? []).map((name) => requireSource(files, name));
    return archivedImage(readText(config), layers, stringsAt(item, "RepoTags") ?? []);
  });
}

const refName = "org.opencontainers.image.ref.name";
const imageName = "io.containerd.image.name";

/** `index.json` of an OCI layout: descriptors of manifests, or of further indexes for several platforms. */
function readOciLayout(files: ArchiveFiles): ArchivedImage[] {
  const index = files.source("index.json");
  if (index === undefined) return [];
  return objectsAt(parseObject(readText(index)), "manifests").flatMap((descriptor) => {
    const annotations = objectAt(descriptor, "annotations");
    const name = stringAt(annotations, imageName) || stringAt(annotations, refName);
    const manifest = selectManifest(files, descriptor);
    if (manifest === undefined) return [];
    const config = blob(files, stringAt(objectAt(manifest, "config"), "digest"));
    const layers = objectsAt(manifest, "layers").map((layer) => blob(files, stringAt(layer, "digest")));
    // A bare tag (`latest`) names nothing by itself.
    return [archivedImage(readText(config), layers, /[/:]/.test(name) ? [name] : [])];
  });
}

type JsonObject = { readonly [key: string]: unknown };

/** The manifest for this machine's platform behind a descriptor. */
function selectManifest(files: ArchiveFiles, descriptor: JsonObject): JsonObject | undefined {
  const document = parseObject(readText(blob(files, stringAt(descriptor, "digest"))));
  if (document === undefined) throw new CriError("invalidArgument", "a manifest in the archive is broken");
  if (objectAt(document, "config") !== undefined) return document;
  const choice = objectsAt(document, "manifests").find((candidate) => {
    const platform = objectAt(candidate, "platform");
    return stringAt(platform, "os") === "linux" && stringAt(platform, "architecture") === hostArchitecture();
  });
  return choice === undefined ? undefined : selectManifest(files, choice);
}

function archivedImage(
  configText: string,
  layers: readonly ByteSource[],
  names: readonly string[],
): ArchivedImage {
  const config = parseImageConfig(configText);
  if (config === undefined)
    throw new CriError("invalidArgument", "the archive's image configuration is broken");
  if (config.diffIds.length !== layers.length) {
    throw new CriError(
      "invalidArgument",
      `the archive has ${layers.length} layers, but its configuration names ${config.diffIds.length}`,
    );
  }
  if (config.os !== "" && config.os !== "linux") {
    throw new CriError("invalidArgument", `the image is for ${config.os}, not for Linux`);
  }
  if (config.architecture !== "" && config.architecture !== hostArchitecture()) {
    throw new CriError(
      "invalidArgument",
      `the image is for ${config.architecture}, and this machine is ${hostArchitecture()}`,
    );
  }
  return { configText, layers, names };
}

/** A blob whose content is what its name says; layers are checked by their diff ids instead. */
function blob(files: ArchiveFiles, digest: string): ByteSource {
  const source = requireSource(files, `blobs/${digest.replace(":", "/")}`);
  if (source.sizeBytes <= maxJsonBytes && digest.startsWith("sha256:")) {
    const actual = `sha256:${createHash("sha256").update(readBytes(source)).digest("hex")}`;
    if (actual !== digest) throw new CriError("invalidArgument", `the archive's ${digest} has been altered`);
  }
  return source;
}

function requireSource(files: ArchiveFiles, name: string): ByteSource {
  const source = files.source(name);
  if (source === undefined)
    throw new CriError("invalidArgument", `the archive lacks "${name}", which it refers to`);
  return source;
}

function safeName(name: string): string {
  if (name.split("/").includes("..")) {
    throw new CriError("invalidArgument", `the archive refers to "${name}", outside of it`);
  }
  return name;
}

function readText(source: ByteSource): string {
  if (source.sizeBytes > maxJsonBytes) {
    throw new CriError("invalidArgument", "a description in the archive is too large to be one");
  }
  return readBytes(source).toString("utf8");
}

function readBytes({ file, offset, sizeBytes }: ByteSource): Buffer {
  if (offset === 0 && statSync(file).size === sizeBytes) return readFileSync(file);
  const bytes = Buffer.alloc(sizeBytes);
  const fd = openSync(file, "r");
  try {
    for (let done = 0; done < sizeBytes; ) {
      const count = readSync(fd, bytes, done, sizeBytes - done, offset + done);
      if (count === 0) throw new CriError("invalidArgument", "the archive is cut short");
      done += count;
    }
  } finally {
    closeSync(fd);
  }
  return bytes;
}

function firstBytes(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(4);
    readSync(fd, bytes, 0, 4, 0);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
