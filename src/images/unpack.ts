import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { type LayerSystem, LayerWriter } from "./layer-writer.ts";
import { TarReader, type TarSink } from "./tar-reader.ts";

/** Bytes of a file: a whole one, or a stretch of an archive that need not be copied out first. */
export interface ByteSource {
  readonly file: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface UnpackedLayer {
  /** The digest of the uncompressed archive. */
  readonly diffId: string;
  readonly sizeBytes: number;
}

const chunkBytes = 1 << 20;

/** Unpacks a layer into an empty folder, hashing on the way. Throws TarError, or zlib's errors, on broken input. */
export async function unpackLayer(
  source: ByteSource,
  target: string,
  system: LayerSystem,
): Promise<UnpackedLayer> {
  const writer = new LayerWriter(target, system);
  try {
    const { digest } = await readArchive(source, writer);
    writer.finish();
    return { diffId: digest, sizeBytes: writer.sizeBytes };
  } finally {
    writer.abort();
  }
}

/** Reads a possibly compressed archive to its end; the digest is that of the uncompressed bytes. */
export async function readArchive(source: ByteSource, sink: TarSink): Promise<{ readonly digest: string }> {
  const reader = new TarReader(sink);
  const hash = createHash("sha256");
  for await (const chunk of decompressed(source)) {
    hash.update(chunk);
    reader.push(chunk);
  }
  reader.finish();
  return { digest: `sha256:${hash.digest("hex")}` };
}

/** The bytes of a source, uncompressed: gzip and zstd are known by their first bytes, not by what is claimed. */
export async function* decompressed(source: ByteSource): AsyncIterable<Buffer> {
  const raw = readRange(source);
  const first = await raw.next();
  if (first.done === true) return;
  const whole = Readable.from(prepend(first.value, raw), { objectMode: false, highWaterMark: chunkBytes });
  const kind = compressionOf(first.value);
  if (kind === "none") {
    yield* whole;
    return;
  }
  const options = { chunkSize: 1 << 18 };
  const inflate = kind === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  whole.on("error", (error) => inflate.destroy(error));
  yield* whole.pipe(inflate);
}

export type Compression = "none" | "gzip" | "zstd";

export function compressionOf(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return "zstd";
  return "none";
}

async function* readRange({ file, offset, sizeBytes }: ByteSource): AsyncGenerator<Buffer, void, void> {
  if (sizeBytes === 0) return;
  const stream = createReadStream(file, {
    start: offset,
    end: offset + sizeBytes - 1,
    highWaterMark: chunkBytes,
  });
  yield* stream as AsyncIterable<Buffer>;
}

async function* prepend(first: Buffer, rest: AsyncGenerator<Buffer, void, void>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}
