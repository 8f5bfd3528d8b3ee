import { type FSWatcher, watch } from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import type { Clock } from "../../apimachinery/clock.ts";
import type { LogFiles } from "../options.ts";

/** Changes are also looked for this often: a watch may miss the moment in which a file is replaced. */
const pollMs = 1_000;

/** Log files on disk. */
export class DiskLogs implements LogFiles {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async stat(path: string): Promise<{ sizeBytes: number; identity: string } | undefined> {
    const found = await stat(path).catch(() => undefined);
    return found === undefined ? undefined : { sizeBytes: found.size, identity: `${found.dev}:${found.ino}` };
  }

  async read(path: string, position: number, lengthMax: number): Promise<Buffer> {
    const file = await open(path, "r").catch(() => undefined);
    if (file === undefined) return Buffer.alloc(0);
    try {
      const buffer = Buffer.alloc(lengthMax);
      const { bytesRead } = await file.read(buffer, 0, lengthMax, position);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  rename(from: string, to: string): Promise<void> {
    return rename(from, to);
  }

  remove(path: string): Promise<void> {
    return rm(path, { force: true });
  }

  list(directory: string): Promise<string[]> {
    return readdir(directory).catch(() => []);
  }

  removeTree(directory: string): Promise<void> {
    return rm(directory, { recursive: true, force: true });
  }

  watch(path: string, notify: () => void): () => void {
    const timer = this.#clock.every(pollMs, notify);
    let watcher: FSWatcher | undefined;
    try {
      // All watches of a process share one inotify instance, of which a user has few.
      watcher = watch(path, { persistent: false }, notify);
      watcher.on("error", () => watcher?.close());
    } catch {
      // Not there yet, or no watches left: the timer looks.
    }
    return () => {
      timer.stop();
      watcher?.close();
    };
  }
}
