import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { homeDirectory } from "../cluster/instance.ts";
import { processStartTime } from "../cluster/process-start.ts";
import { CommandError, usageExitCode } from "./command.ts";

const ending = ".sampan";

/** Where snapshots are kept by name. */
export const snapshotsFolder = (home = homeDirectory()): string => join(home, ".snapshots");

/** The file of a snapshot: by its name, or by a path, which has a "/" in it. */
export function snapshotFile(name: string): string {
  if (name.includes("/")) return resolve(name);
  if (/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,62}[A-Za-z0-9])?$/.test(name)) {
    return join(snapshotsFolder(), name.endsWith(ending) ? name : `${name}${ending}`);
  }
  throw new CommandError(
    `"${name}" cannot be a snapshot's name: use up to 64 letters, digits, "-", "_" and "."`,
    { remedy: "or give a path, with a / in it: ./loaded.sampan", exitCode: usageExitCode },
  );
}

/** The file of a snapshot that is there, or an error that says which there are. */
export function existingSnapshot(name: string): string {
  const file = snapshotFile(name);
  if (existsSync(file)) return file;
  const names = snapshotNames();
  const known = names.length === 0 ? "there is none yet" : `there is: ${names.join(", ")}`;
  throw new CommandError(
    name.includes("/")
      ? `there is no file ${file}`
      : `there is no snapshot "${name}" in ${snapshotsFolder()}`,
    { remedy: `${known}; make one with: sampan snapshot save NAME` },
  );
}

export function snapshotNames(): string[] {
  return namesIn(snapshotsFolder())
    .filter((name) => name.endsWith(ending))
    .map((name) => basename(name, ending))
    .toSorted();
}

/** Makes the folder for snapshots, private to its user, and removes what commands left that were killed. */
export function prepareSnapshots(): void {
  const home = homeDirectory();
  mkdirSync(home, { recursive: true, mode: 0o711 });
  mkdirSync(snapshotsFolder(home), { recursive: true, mode: 0o700 });
  for (const [folder, pattern] of [
    [snapshotsFolder(home), /\.(\d+)\.tmp$/],
    [home, /^\.restore-.*\.(\d+)\.tmp$/],
  ] as const) {
    for (const name of namesIn(folder)) {
      const pid = pattern.exec(name)?.[1];
      if (pid === undefined || processStartTime(Number(pid)) !== undefined) continue;
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}

export const sizeOf = (file: string): number => statSync(file).size;

/** `812 KB`, `3.4 MB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.max(1, Math.round(bytes / 1000))} KB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(1)} GB`;
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
