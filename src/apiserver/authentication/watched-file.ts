import { type FSWatcher, readFileSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Clock, Timer } from "../../apimachinery/clock.ts";

/** Notices what no event tells of: file systems of others, a folder that was exchanged. */
const pollMs = 60_000;
/** Whoever writes a file in several steps, or replaces it, is given time to finish. */
const settleMs = 100;

/**
 * Tells when the content of a file has changed, however it was changed: written, replaced, or reached through a link
 * that now leads elsewhere. Keeps no process alive.
 */
export class WatchedFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onChange: (text: string) => void;
  #text: string;
  #watcher: FSWatcher | undefined;
  readonly #poll: Timer;
  #settling: Timer | undefined;

  /** Throws when the file cannot be read now; later it may be missing for a while. */
  constructor(path: string, clock: Clock, onChange: (text: string) => void) {
    this.#path = path;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#text = readFileSync(path, "utf8");
    this.#poll = clock.every(pollMs, () => this.#look());
    try {
      // The folder, not the file: one that is replaced has another inode.
      this.#watcher = watch(dirname(path), { persistent: false }, () => this.#soon());
      this.#watcher.on("error", () => this.#watcher?.close());
    } catch {
      // Without events there is still the poll.
    }
  }

  get text(): string {
    return this.#text;
  }

  close(): void {
    this.#watcher?.close();
    this.#poll.stop();
    this.#settling?.stop();
  }

  #soon(): void {
    this.#settling?.stop();
    this.#settling = this.#clock.after(settleMs, () => this.#look());
  }

  #look(): void {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch {
      return;
    }
    if (text === this.#text) return;
    this.#text = text;
    this.#onChange(text);
  }
}
