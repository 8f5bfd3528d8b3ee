/** Small images for tests, made in memory: no network, no tools. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { hostArchitecture } from "../image-config.ts";

export interface TestFile {
  readonly name: string;
  readonly content?: string;
  readonly type?: "file" | "directory" | "symlink" | "link" | "character-device" | "fifo";
  readonly linkname?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly pax?: Readonly<Record<string, string>>;
  readonly mtime?: Date;
}

/** A tar archive of the files. */
export async function tarOf(files: readonly TestFile[]): Promise<Buffer> {
  const archive = pack();
  for (const { name, content = "", type = "file", linkname, mode, uid, gid, pax, mtime } of files) {
    archive.entry(
      {
        name,
        type,
        mtime: mtime ?? new Date(0),
        ...(mode !== undefined && { mode }),
        ...(uid !== undefined && { uid }),
        ...(gid !== undefined && { gid }),
        ...(linkname !== undefined && { linkname }),
        ...(pax !== undefined && { pax: { ...pax } }),
      },
      content,
    );
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const sha256 = (data: Buffer | string): string =>
  `sha256:${createHash("sha256").update(data).digest("hex")}`;

export interface TestImage {
  readonly id: string;
  readonly config: string;
  readonly layers: readonly Buffer[];
}

/** An image with a layer per list of files. */
export async function testImage(
  layers: readonly (readonly TestFile[])[],
  config: Readonly<Record<string, unknown>> = {},
  architecture = hostArchitecture(),
): Promise<TestImage> {
  const tars = await Promise.all(layers.map((files) => tarOf(files)));
  const text = JSON.stringify({
    architecture,
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: tars.map((tar) => sha256(tar)) },
  });
  return { id: sha256(text), config: text, layers: tars };
}

/** What docker save writes. */
export async function dockerArchive(image: TestImage, names: readonly string[] | null): Promise<Buffer> {
  const config = `${image.id.slice(7)}.json`;
  const layers = image.layers.map((_, index) => `layer${index}/layer.tar`);
  return tarOf([
    ...image.layers.map((layer, index) => ({ name: layers[index] ?? "", content: layer.toString("latin1") })),
    { name: config, content: image.config },
    { name: "manifest.json", content: JSON.stringify([{ Config: config, RepoTags: names, Layers: layers }]) },
  ]);
}

/** Blobs by digest, with the manifest's own digest: what a registry or an OCI layout holds. */
export function ociBlobs(image: TestImage): {
  readonly manifest: string;
  readonly blobs: Map<string, Buffer>;
} {
  const blobs = new Map<string, Buffer>([[image.id, Buffer.from(image.config)]]);
  const layers = image.layers.map((layer) => {
    const compressed = gzipSync(layer);
    blobs.set(sha256(compressed), compressed);
    return {
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest: sha256(compressed),
      size: compressed.length,
    };
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: image.id,
      size: image.config.length,
    },
    layers,
  });
  blobs.set(sha256(manifest), Buffer.from(manifest));
  return { manifest: sha256(manifest), blobs };
}
