import { resources } from "../../src/client/resources.ts";
import type { SavedRuntime } from "../../src/cri/simulated/index.ts";
import type { MemoryStorage } from "../../src/storage/memory/memory-storage.ts";
import type { StorageEvent } from "../../src/storage/storage.ts";
import { History, prefixOf } from "./history.ts";
import { type Invariant, newInvariants, type World } from "./invariants.ts";

const leases = prefixOf(resources.leases);

/** Follows a store and holds what happens there against the invariants. */
export class Judge {
  readonly history = new History();
  readonly released = new Set<string>();
  readonly forced = new Set<string>();
  readonly #invariants: readonly Invariant[] = newInvariants();
  readonly #breaches = new Set<string>();
  /** The cluster's time, once there is a cluster. */
  nowMs: () => number = () => 0;
  readonly #stop = new AbortController();
  #runtimes: ReadonlyMap<string, SavedRuntime> = new Map();

  /** What was wrong so far, with the name of the invariant. */
  get breaches(): readonly string[] {
    return [...this.#breaches];
  }

  get world(): World {
    const { history, released, forced } = this;
    return { history, released, forced, runtimes: this.#runtimes, nowMs: this.nowMs() };
  }

  blame(text: string): void {
    if (this.#breaches.size < 50) this.#breaches.add(text);
  }

  /** A judge of a fork of the cluster, who knows what happened before. */
  fork(): Judge {
    const judge = new Judge();
    const { past, changes } = this.history;
    judge.history.past = [...past, ...changes];
    for (const uid of this.released) judge.released.add(uid);
    for (const uid of this.forced) judge.forced.add(uid);
    return judge;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Takes in what is there, and from then on each commit, until `stop`. */
  async follow(storage: MemoryStorage): Promise<void> {
    const { items, revision } = await storage.list("");
    for (const { key, value, modRevision } of items) {
      if (!key.startsWith(leases)) this.history.load(key, value, modRevision);
    }
    this.history.beginAt(revision);
    void this.#watch(storage.watch("", revision, this.#stop.signal));
  }

  async #watch(watch: AsyncIterable<readonly StorageEvent[]>): Promise<void> {
    try {
      for await (const batch of watch) for (const event of batch) this.#take(event);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.blame(`the store's watch failed: ${String(error)}`);
    }
  }

  #take(event: StorageEvent): void {
    const isHeartbeat = event.key.startsWith(leases);
    const change = isHeartbeat ? this.history.pass(event) : this.history.accept(event);
    const { world } = this;
    for (const { name, always } of this.#invariants) {
      for (const text of always?.(change, world) ?? []) this.blame(`${name}: at ${change.revision}: ${text}`);
    }
  }

  /** Looks at what runs now. */
  look(runtimes: ReadonlyMap<string, SavedRuntime>): void {
    this.#runtimes = runtimes;
    for (const { name, anytime } of this.#invariants) {
      for (const text of anytime?.(this.world) ?? []) this.blame(`${name}: ${text}`);
    }
  }

  /** What is not yet as it should be in the end. */
  unrest(): string[] {
    return this.#invariants.flatMap(({ name, atRest }) =>
      [...(atRest?.(this.world) ?? [])].map((text) => `${name}: ${text}`),
    );
  }
}
