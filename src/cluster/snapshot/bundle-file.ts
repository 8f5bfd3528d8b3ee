import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { processStartTime } from "../process-start.ts";
import { BundleError, type BundleKind, BundleReader, BundleWriter } from "./bundle.ts";

/**
 * Writes a bundle into a file that only its owner may read: whole and on the disk when this resolves, or not at all. A
 * process that is killed meanwhile leaves `FILE.PID.tmp` behind, which counts for nothing, and which the next one that
 * writes the file takes away. Throws BundleError where there is no such folder.
 */
export async function writeBundleFile(
  file: string,
  kind: BundleKind,
  header: object,
  fill: (writer: BundleWriter) => void | Promise<void>,
): Promise<void> {
  const folder = dirname(file);
  if (!existsSync(folder))
    throw new BundleError(`there is no folder ${folder}`, `make it first: mkdir -p ${folder}`);
  removeAbandoned(file);
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
    syncDirectory(folder);
  } finally {
    if (isOpen) closeSync(descriptor);
    rmSync(temporary, { force: true });
  }
}

/** What processes left of the file that were killed while they wrote it. */
function removeAbandoned(file: string): void {
  const prefix = `${basename(file)}.`;
  for (const name of readdirSync(dirname(file))) {
    if (!name.startsWith(prefix)) continue;
    const pid = /^(\d+)\.tmp$/.exec(name.slice(prefix.length))?.[1];
    if (pid === undefined || processStartTime(Number(pid)) !== undefined) continue;
    rmSync(join(dirname(file), name), { force: true });
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
