import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { type BundleKind, BundleReader, BundleWriter } from "./bundle.ts";

/**
 * Writes a bundle into a file that only its owner may read: whole and on the disk when this resolves, or not at all. A
 * process that is killed meanwhile leaves `FILE.PID.tmp` behind, which counts for nothing.
 */
export async function writeBundleFile(
  file: string,
  kind: BundleKind,
  header: object,
  fill: (writer: BundleWriter) => void | Promise<void>,
): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  const descriptor = openSync(temporary, "w", 0o600);
  let isOpen = true;
  try {
    const writer = new BundleWriter(kind, header, (bytes) => writeAll(descriptor, bytes));
    await fill(writer);
    writer.end();
    fsyncSync(descriptor);
    closeSync(descriptor);
    isOpen = false;
    renameSync(temporary, file);
    syncDirectory(dirname(file));
  } finally {
    if (isOpen) closeSync(descriptor);
    rmSync(temporary, { force: true });
  }
}

/** Reads a bundle from a file while `read` runs. Throws BundleError, and Node's own errors for a file that cannot be opened. */
export async function readBundleFile<T>(
  file: string,
  kind: BundleKind,
  read: (reader: BundleReader) => T | Promise<T>,
): Promise<T> {
  const descriptor = openSync(file, "r");
  try {
    const source = (lengthMax: number): Buffer => {
      const bytes = Buffer.allocUnsafe(Math.min(lengthMax, readBytesMax));
      return bytes.subarray(0, readSync(descriptor, bytes));
    };
    return await read(new BundleReader(kind, file, source));
  } finally {
    closeSync(descriptor);
  }
}

/** A damaged length must not make us allocate what the file does not have. */
const readBytesMax = 8 * 1024 * 1024;

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.byteLength; ) offset += writeSync(descriptor, bytes, offset);
}

/** A rename is on the disk when its folder is. */
function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
