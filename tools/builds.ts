/**
 * The folders of builds: `dist/<content>/`, of which `dist/.built` names the one to start. A process loads parts of its
 * build when it first needs them, and so a build stays while a process runs from it.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface BuiltFile {
  /** Within the build's folder. */
  readonly name: string;
  readonly contents: Uint8Array;
}

/** Twelve digits that say what the files hold. */
export function contentId(files: readonly BuiltFile[]): string {
  const hash = createHash("sha256");
  for (const { name, contents } of files.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    hash.update(`${name}\0${contents.length}\0`).update(contents);
  return hash.digest("hex").slice(0, 12);
}

/** Writes the files where they are the build to start from now on, and removes those that nobody needs any more. */
export function install(
  dist: string,
  files: readonly BuiltFile[],
  commandLines = runningCommandLines(),
): string {
  const id = contentId(files);
  const folder = join(dist, id);
  if (!existsSync(folder)) {
    // Complete or not there: another launcher may start from it at once.
    const unfinished = join(dist, `${id}.${process.pid}.tmp`);
    writeFiles(unfinished, files);
    renameSync(unfinished, folder);
  }
  const before = currentBuild(dist);
  replace(join(dist, "main.js"), `import "./${id}/main.js";\n`);
  replace(join(dist, ".built"), `${id}\n`);
  // A launcher that has just read the last build's name still starts from it.
  const kept = new Set([id, before, "main.js", ".built", ".building"]);
  for (const name of readdirSync(dist)) {
    if (!kept.has(name) && !isRunning(join(dist, name), commandLines))
      rmSync(join(dist, name), { recursive: true, force: true });
  }
  return id;
}

export function writeFiles(folder: string, files: readonly BuiltFile[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, contents } of files) writeFileSync(join(folder, name), contents);
}

function currentBuild(dist: string): string | undefined {
  const stamp = join(dist, ".built");
  return existsSync(stamp) ? readFileSync(stamp, "utf8").trim() : undefined;
}

function replace(file: string, content: string): void {
  writeFileSync(`${file}.${process.pid}.tmp`, content);
  renameSync(`${file}.${process.pid}.tmp`, file);
}

const isRunning = (folder: string, commandLines: readonly string[]): boolean =>
  commandLines.some((line) => line.includes(`${folder}/`));

function runningCommandLines(): string[] {
  if (process.platform !== "linux")
    return execFileSync("ps", ["-axo", "command"], { encoding: "utf8" }).split("\n");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "utf8")];
      } catch {
        // It has ended since.
        return [];
      }
    });
}
