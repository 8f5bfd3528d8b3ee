import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { VolumeFiles } from "./volume.ts";

/**
 * Replaces the files of a volume in one step, so that a reader sees the old ones or the new ones and never a mixture:
 * the files lie in a directory with the time in its name, `..data` links to it, the visible names link through
 * `..data`, and one rename of that link switches all. Mirrors pkg/volume/util/atomic_writer.go.
 *
 * Returns false when everything was in place already.
 */
export async function writeAtomically(
  directory: string,
  files: VolumeFiles,
  nowMs: number,
): Promise<boolean> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const present = new Set(await readdir(directory));
  if (present.has("..data")) {
    const current = await readlink(join(directory, "..data"));
    if (await sameFiles(join(directory, current), files)) return false;
  }
  const fresh = freshName(present, nowMs);
  await writeFiles(join(directory, fresh), files);
  if (present.has("..data_tmp")) await rm(join(directory, "..data_tmp"), { force: true });
  await symlink(fresh, join(directory, "..data_tmp"));
  await rename(join(directory, "..data_tmp"), join(directory, "..data"));
  await linkNames(directory, files, present);
  await removeOthers(directory, present);
  return true;
}

/** What went before, and what a crash between two steps left behind. */
async function removeOthers(directory: string, present: ReadonlySet<string>): Promise<void> {
  const old = [...present].filter((name) => name.startsWith("..") && !links.has(name));
  for (const name of old) await rm(join(directory, name), { recursive: true, force: true });
}

const links: ReadonlySet<string> = new Set(["..data", "..data_tmp"]);

/** `..2026_01_31_23_59_59.123456789`, as the kubelet names them. */
function freshName(present: ReadonlySet<string>, nowMs: number): string {
  const time = new Date(nowMs).toISOString();
  const base = `..${time.slice(0, 19).replaceAll(/[-T:]/g, "_")}.${time.slice(20, 23)}`;
  let count = 0;
  const name = (): string => `${base}${String(count).padStart(6, "0")}`;
  while (present.has(name())) count++;
  return name();
}

/** Beside each other: each step is a way to a thread and back. */
async function writeFiles(root: string, files: VolumeFiles): Promise<void> {
  await mkdir(root, { recursive: true });
  await chmod(root, 0o755);
  await Promise.all(
    Array.from(files, async ([path, { data, mode, user }]) => {
      const target = join(root, path);
      if (path.includes("/")) await mkdir(dirname(target), { recursive: true, mode: 0o755 });
      await writeFile(target, data, { mode });
      // The mask of this process takes bits away at creation.
      await chmod(target, mode);
      if (user !== undefined) await chown(target, user, sameGroup);
    }),
  );
}

/** The group stays as it is. */
const sameGroup = -1;

/** One link per visible name; those whose files are gone are taken away. */
async function linkNames(directory: string, files: VolumeFiles, present: ReadonlySet<string>): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => path.split("/")[0] ?? path));
  const missing = [...wanted].filter((name) => !present.has(name));
  await Promise.all(missing.map((name) => symlink(join("..data", name), join(directory, name))));
  for (const name of present) {
    if (!name.startsWith("..") && !wanted.has(name))
      await rm(join(directory, name), { force: true, recursive: true });
  }
}

async function sameFiles(root: string, files: VolumeFiles): Promise<boolean> {
  const present = await listFiles(root);
  if (present.length !== files.size) return false;
  for (const path of present) {
    const wanted = files.get(path);
    if (wanted === undefined) return false;
    const [data, info] = await Promise.all([readFile(join(root, path)), lstat(join(root, path))]);
    // An fsGroup adds bits for the group, so only the bits that were asked for are compared.
    if (!data.equals(wanted.data) || (info.mode & wanted.mode) !== wanted.mode) return false;
    if (wanted.user !== undefined && wanted.user !== info.uid) return false;
  }
  return true;
}

async function listFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}
