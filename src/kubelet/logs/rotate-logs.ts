import { basename, dirname, join } from "node:path";
import type { Clock } from "../../apimachinery/clock.ts";
import type { RuntimeService } from "../../cri/runtime.ts";
import type { LogFiles } from "../options.ts";

/** As the kubelet's containerLogMaxSize and containerLogMaxFiles. */
const sizeBytesMax = 10 * 2 ** 20;
const filesMax = 5;

/**
 * Rotates the log of a running container once it has grown too big: renames it with the time in its name, has the
 * runtime begin a new one, and removes the oldest. Returns whether it did.
 */
export async function rotateLog(
  files: LogFiles,
  runtime: RuntimeService,
  clock: Clock,
  container: { readonly id: string; readonly logPath: string },
): Promise<boolean> {
  const { id, logPath } = container;
  const stat = await files.stat(logPath);
  if (stat === undefined || stat.sizeBytes < sizeBytesMax) return false;
  const time = new Date(clock.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  const rotated = `${logPath}.${time}`;
  await files.rename(logPath, rotated);
  try {
    await runtime.reopenContainerLog(id);
  } catch (error) {
    // Nobody writes to the old name: put it back, so that the container's output is not lost.
    await files.rename(rotated, logPath);
    throw error;
  }
  await removeOldest(files, logPath);
  return true;
}

async function removeOldest(files: LogFiles, logPath: string): Promise<void> {
  const directory = dirname(logPath);
  const prefix = `${basename(logPath)}.`;
  const rotated = (await files.list(directory)).filter((name) => name.startsWith(prefix)).sort();
  for (const name of rotated.slice(0, Math.max(0, rotated.length - (filesMax - 1)))) {
    await files.remove(join(directory, name));
  }
}
