import type { Stats } from "node:fs";
import { mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type PlaceVolume, VolumeError } from "./volume.ts";

/** A file or directory of the node, checked or made as its type says. */
export const hostPathVolume: PlaceVolume = {
  plugin: "kubernetes.io~host-path",
  async setUp({ volume }) {
    const { path = "", type = "" } = volume.hostPath ?? {};
    await checkHostPath(path, type);
    return { hostPath: path };
  },
};

/** Throws VolumeError when what is at the path is not of the type. Mirrors pkg/volume/hostpath. */
export async function checkHostPath(path: string, type: string): Promise<void> {
  if (type === "") {
    // As the container runtimes do for a path that is not there.
    if ((await find(path)) === undefined) await mkdir(path, { recursive: true });
    return;
  }
  if (type === "DirectoryOrCreate" && (await find(path)) === undefined) {
    await mkdir(path, { recursive: true, mode: 0o755 });
  }
  if (type === "FileOrCreate" && (await find(path)) === undefined) {
    if ((await find(dirname(path)))?.isDirectory() !== true) {
      throw new VolumeError(`hostPath type check failed: ${path} is not a file`);
    }
    await (await open(path, "a", 0o644)).close();
  }
  const [is, what] = tests[type] ?? [];
  if (is === undefined) throw new VolumeError(`"${type}" is an invalid volume type`);
  const found = await find(path);
  if (found === undefined || !is(found))
    throw new VolumeError(`hostPath type check failed: ${path} is not ${what}`);
}

const tests: Readonly<Record<string, readonly [(stats: Stats) => boolean, string]>> = {
  Directory: [(stats) => stats.isDirectory(), "a directory"],
  DirectoryOrCreate: [(stats) => stats.isDirectory(), "a directory"],
  File: [(stats) => stats.isFile(), "a file"],
  FileOrCreate: [(stats) => stats.isFile(), "a file"],
  Socket: [(stats) => stats.isSocket(), "a socket file"],
  CharDevice: [(stats) => stats.isCharacterDevice(), "a character device"],
  BlockDevice: [(stats) => stats.isBlockDevice(), "a block device"],
};

const find = (path: string): Promise<Stats | undefined> => stat(path).catch(() => undefined);
