import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RealClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SystemRandom } from "../../apimachinery/random.ts";
import { imagesDirectory, openImages } from "../crun-node.ts";

/**
 * Gives a cluster the images of another: files of the store never change once they are there, so both share them and no
 * space is used twice. Nothing happens where the other has none. What cannot be shared is left out, not an error: images
 * can be pulled.
 */
export function linkImages(from: string, to: string): void {
  const source = imagesDirectory(from);
  const target = imagesDirectory(to);
  if (!existsSync(source) || existsSync(target)) return;
  const linked = spawnSync("cp", ["-al", "--", source, target], { stdio: "ignore" });
  if (linked.status !== 0) {
    rmSync(target, { recursive: true, force: true });
    return;
  }
  // What runs in the other cluster, and what is under way there.
  for (const part of ["uses", "tmp"]) rmSync(join(target, part), { recursive: true, force: true });
}

/** Those of the images that the cluster does not have. */
export function missingImages(directory: string, images: readonly string[]): string[] {
  const parts = { clock: new RealClock(), random: new SystemRandom(), logger: silentLogger };
  const { store } = openImages(directory, parts);
  return images.filter((image) => store.find(image) === undefined);
}
