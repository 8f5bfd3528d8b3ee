import { createWriteStream, mkdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { KubectlError } from "../errors.ts";

export interface UnpackOptions {
  /** What the names in the archive begin with. */
  readonly prefix: string;
  /** Where they go here; a folder that exists takes the copy into it. */
  readonly destination: string;
  readonly warn: (text: string) => void;
  /** Words what to do about a symbolic link; said once. */
  readonly linkAdvice: string;
}

/**
 * Writes the files of an archive that comes out of a container. The container is not trusted: nothing is written outside of
 * the destination, and links are left out, as a later file could go through one.
 */
export async function unpack(tar: Readable, options: UnpackOptions): Promise<void> {
  const archive = extract();
  tar.on("error", (error) => archive.destroy(error));
  tar.pipe(archive);
  const { prefix, destination, warn, linkAdvice } = options;
  const isFolder = statSync(destination, { throwIfNoEntry: false })?.isDirectory() === true;
  const base = isFolder ? join(destination, basename(prefix)) : destination;
  let advised = false;
  for await (const entry of archive) {
    const { name, type, linkname } = entry.header;
    if (!name.startsWith(prefix)) throw new KubectlError("tar contents corrupted");
    const target = join(base, name.slice(prefix.length));
    if (!isWithin(destination, target)) {
      warn(`warning: file ${JSON.stringify(target)} is outside target destination, skipping\n`);
    } else if (type === "directory") mkdirSync(target, { recursive: true });
    else if (type === "symlink" || type === "link") {
      const advice = advised ? "" : linkAdvice;
      warn(
        `warning: skipping symlink: ${JSON.stringify(target)} -> ${JSON.stringify(linkname ?? "")}${advice}\n`,
      );
      advised = true;
    } else {
      mkdirSync(dirname(target), { recursive: true });
      await pipeline(entry, createWriteStream(target));
      continue;
    }
    entry.resume();
  }
}

/** Whether a path stays at or below another, however many `..` it has. */
export function isWithin(folder: string, path: string): boolean {
  const base = resolve(folder);
  const target = resolve(path);
  return target === base || target.startsWith(base.endsWith(sep) ? base : base + sep);
}
