import { type FSWatcher, readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Clock, Timer } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { Random } from "../apimachinery/random.ts";
import { EncryptionAtRest } from "../apiserver/encryption/encryption-at-rest.ts";
import { EncryptedStorage } from "../storage/encryption/encrypted-storage.ts";
import { identity } from "../storage/encryption/value-transformer.ts";
import type { Storage } from "../storage/storage.ts";

export interface EncryptedStateOptions {
  /** The EncryptionConfiguration. */
  readonly file: string;
  readonly inner: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Writers replace a file in several steps; it is read when they have come to rest. */
const settleMs = 100;
/** So long what is under way may still use the providers of before. */
const graceMs = 10_000;

/**
 * The cluster's state, encrypted as a file says. A change of the file takes effect at once; one that holds a mistake is
 * logged, and what was before goes on.
 */
export class EncryptedState {
  readonly storage: EncryptedStorage;
  readonly #options: EncryptedStateOptions;
  #text = "";
  #current: EncryptionAtRest | undefined;
  #watcher: FSWatcher | undefined;
  #settling: Timer | undefined;

  private constructor(options: EncryptedStateOptions) {
    this.#options = options;
    this.storage = new EncryptedStorage(
      options.inner,
      () => identity,
      () => this.#close(),
    );
  }

  static async open(options: EncryptedStateOptions): Promise<EncryptedState> {
    const state = new EncryptedState(options);
    await state.#load();
    state.#follow();
    return state;
  }

  /** What is wrong with a key management service. */
  check(): string | undefined {
    return this.#current?.check();
  }

  #close(): void {
    this.#watcher?.close();
    this.#settling?.stop();
    this.#current?.close();
  }

  async #load(): Promise<void> {
    const { file, clock, random, logger } = this.#options;
    const text = readFileSync(file, "utf8");
    if (text === this.#text) return;
    const onHealthy = (): void => this.storage.retry();
    const next = await EncryptionAtRest.open(text, { clock, random, logger, onHealthy });
    const before = this.#current;
    this.#text = text;
    this.#current = next;
    this.storage.use(next.transformerOf);
    // Of Secrets the archive has nothing in clear text, encryption or not.
    const others = next.resources.filter((resource) => resource !== "secrets.");
    this.storage.archive?.protect(others, next.covers);
    if (before === undefined) return;
    logger.info("the encryption configuration has changed", { file });
    clock.after(graceMs, () => before.close());
  }

  /** The folder is watched, because the file is replaced, not written. */
  #follow(): void {
    const { file, clock, logger } = this.#options;
    this.#watcher = watch(dirname(file), (_event, name) => {
      if (name !== basename(file)) return;
      this.#settling?.stop();
      this.#settling = clock.after(settleMs, () => {
        this.#load().catch((error: unknown) =>
          logger.error("the encryption configuration was not taken, the one before stays", { file, error }),
        );
      });
    });
    this.#watcher.unref();
  }
}
