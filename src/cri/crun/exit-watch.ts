import { type FSWatcher, watch } from "node:fs";

/**
 * Notices that a monitor has written an exit code: one inotify watch for all containers, since a user may have 128 at
 * most. It keeps the process alive only while someone waits for an exit.
 */
export class ExitWatch {
  readonly #directory: string;
  #watcher: FSWatcher | undefined;
  #waiting = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** `noticed` gets the container's id, or undefined when any may have ended. */
  start(noticed: (id: string | undefined) => void): void {
    // A monitor writes beside the file and renames it, so only whole files appear under an id.
    this.#watcher = watch(this.#directory, (_, name) => noticed(name ?? undefined));
    this.#watcher.unref();
    this.#watcher.on("error", () => noticed(undefined));
  }

  ref(): void {
    if (this.#waiting++ === 0) this.#watcher?.ref();
  }

  unref(): void {
    if (--this.#waiting === 0) this.#watcher?.unref();
  }

  close(): void {
    this.#watcher?.close();
  }
}
