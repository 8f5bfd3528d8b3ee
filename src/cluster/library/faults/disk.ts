import { type Storage, StorageError } from "../../../storage/storage.ts";
import type { FaultLog } from "./fault-log.ts";
import type { Disk } from "./store-session.ts";

/** A disk that may be full. */
export class FaultyDisk implements Disk {
  readonly #log: FaultLog;
  readonly #full = new Set<FullDisk>();
  written: ((revision: number) => void) | undefined;
  #store: Storage | undefined;

  constructor(log: FaultLog) {
    this.#log = log;
  }

  /** To be called before anything else: what lies on the disk. */
  connect(store: Storage): void {
    this.#store = store;
  }

  /** The newest that is stored. */
  async revision(): Promise<number> {
    return (await this.#store?.revision()) ?? 0;
  }

  /** The oldest that can still be read. */
  async compactedRevision(): Promise<number> {
    return (await this.#store?.compactedRevision()) ?? 0;
  }

  /** See `Faults.fillDisk`. */
  fill(options: { readonly after?: number; readonly times?: number }): FullDisk {
    const fault = new FullDisk(options, () => this.#full.delete(fault));
    this.#full.add(fault);
    return fault;
  }

  clear(): void {
    this.#full.clear();
  }

  refusal(): StorageError | undefined {
    if (this.#full.size === 0) return undefined;
    let isRefused = false;
    for (const fault of this.#full) if (fault.takes()) isRefused = true;
    if (!isRefused) return undefined;
    this.#log.add("a write met a full disk");
    return new StorageError("noSpace", "a fault was injected: no space left on device");
  }
}

/** A disk that is full until there is room again. */
export class FullDisk {
  readonly #after: number;
  readonly #times: number;
  readonly #remove: () => void;
  #seen = 0;
  #hits = 0;

  constructor({ after = 0, times = Infinity }: { after?: number; times?: number }, remove: () => void) {
    this.#after = after;
    this.#times = times;
    this.#remove = remove;
  }

  /** How many writes have failed. */
  get hits(): number {
    return this.#hits;
  }

  /** There is room again. */
  remove(): void {
    this.#remove();
  }

  /** Whether this write fails; to be asked once for each. */
  takes(): boolean {
    if (this.#seen++ < this.#after || this.#hits >= this.#times) return false;
    this.#hits++;
    return true;
  }
}
