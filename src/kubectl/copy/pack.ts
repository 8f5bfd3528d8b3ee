import { createReadStream, lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";

/** An archive of a file or folder under a name of its own; links stay links. */
export function packFile(
  source: string,
  name: string,
): { readonly archive: Readable; readonly done: Promise<void> } {
  const archive = pack();
  const done = add(archive, source, name).then(
    () => archive.finalize(),
    (error: unknown) => {
      archive.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    },
  );
  return { archive: archive as unknown as Readable, done };
}

async function add(archive: Pack, source: string, name: string): Promise<void> {
  const stat = lstatSync(source);
  const header = headerOf(stat, name);
  if (stat.isDirectory()) {
    const inside = readdirSync(source).sort();
    // A folder that holds something is made by what it holds.
    if (inside.length === 0) archive.entry({ ...header, name: `${name}/`, type: "directory" });
    for (const child of inside) await add(archive, join(source, child), `${name}/${child}`);
  } else if (stat.isSymbolicLink()) {
    archive.entry({ ...header, type: "symlink", linkname: readlinkSync(source) });
  } else if (stat.isFile()) {
    const entry = archive.entry({ ...header, size: stat.size });
    // No more than was announced, if the file grows meanwhile.
    await pipeline(stat.size === 0 ? [] : createReadStream(source, { end: stat.size - 1 }), entry);
  }
}

const headerOf = (stat: Stats, name: string) => ({
  name,
  mode: stat.mode & 0o7777,
  mtime: stat.mtime,
  uid: stat.uid,
  gid: stat.gid,
});
