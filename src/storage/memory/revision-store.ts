import type { Compare, DeferredValue, KeyValue, Operation, StorageEvent } from "../storage.ts";
import { StorageError } from "../storage.ts";
import { type SortedItem, SortedItems } from "./sorted-items.ts";

/**
 * The multi-version state that both stores keep in memory: every key with its newest value, the versions before it
 * back to the compaction, and the log of commits that watches read. It is synchronous and knows nothing of disks: the
 * memory store commits to it directly, the SQLite store once the commit is durable.
 *
 * Values of old versions may be evicted (`evict`), oldest commit first; their places stay, so that the owner can load
 * the values from where it keeps them.
 */
export class RevisionStore {
  readonly #items = new Map<string, Item>();
  readonly #sorted = new SortedItems<Item>();
  /** The events of commit r are at index r - logStart. Holds every commit after the compaction, without gap. */
  #log: (readonly StorageEvent[])[] = [];
  #logStart = 1;
  #revision = 0;
  #compacted = 0;
  /** Commits up to this one have been evicted. Never less than the compacted revision minus one. */
  #evictedThrough = 0;
  /** Bytes of values that only history needs: the previous values of commits not evicted. */
  #historyBytes = 0;
  /** Told of each commit, in order of registration. */
  readonly #observers = new Set<CommitObserver>();
  #closed = false;

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  get historyBytes(): number {
    return this.#historyBytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ends every watch. The state stays readable for the owner. */
  close(): void {
    this.#closed = true;
    for (const observer of this.#observers) observer.onClose();
  }

  /** Fills an empty store with the state as of the compacted revision. */
  load(values: Iterable<KeyValue>, compactedRevision: number): void {
    const items: Item[] = [];
    for (const current of values) {
      const item: Item = { key: current.key, live: true, current, removedAt: 0, older: undefined };
      this.#items.set(item.key, item);
      items.push(item);
    }
    this.#sorted.load(items);
    this.#revision = compactedRevision;
    this.#compacted = compactedRevision;
    this.#evictedThrough = compactedRevision;
    this.#logStart = compactedRevision + 1;
  }

  /** The newest value. */
  find(key: string): KeyValue | undefined {
    return this.#items.get(key)?.current;
  }

  /** The version of the key at a revision; undefined when it did not exist then. The value may be evicted. */
  findAt(key: string, revision: number): Version | undefined {
    const item = this.#items.get(key);
    return item === undefined ? undefined : versionAt(item, revision);
  }

  /** Throws when the revision cannot be read. */
  checkReadable(revision: number): void {
    if (revision < this.#compacted) throw compactedError(revision, this.#compacted);
    if (revision > this.#revision) {
      throw new StorageError(
        "futureRevision",
        `revision ${revision} is not written yet: the newest is ${this.#revision}`,
      );
    }
  }

  /** Versions with the prefix at a readable revision, in key order, and how many more there are. */
  list(
    prefix: string,
    options: { readonly revision: number; readonly limit: number; readonly after: string | undefined },
  ): { readonly versions: Version[]; readonly remaining: number } {
    const { revision, limit, after } = options;
    const newest = revision === this.#revision;
    const versions: Version[] = [];
    let counted = 0;
    const remaining = this.#sorted.scan(prefix, after, (item) => {
      const version = newest ? item.current : versionAt(item, revision);
      if (version === undefined) return true;
      if (limit === 0 || versions.length < limit) versions.push(version);
      else counted++;
      // The index knows how many live keys follow; of an older state they must be looked at.
      return counted === 0 || !newest;
    });
    return { versions, remaining: remaining + counted };
  }

  /**
   * Adds the next commit. `events` come from `planTransaction` and are kept. `deferred`: what stands for values that are
   * not read yet.
   */
  commit(events: readonly StorageEvent[], deferred: readonly KeyValue[] = none): void {
    this.#revision++;
    for (const event of events) {
      if (event.value === undefined) this.#applyDelete(event);
      else this.#applyPut(event, event.value, deferred);
      this.#historyBytes += event.previousValue?.byteLength ?? 0;
    }
    this.#log.push(events);
    for (const observer of this.#observers) observer.onCommit(events, this.#revision);
  }

  /** Tells the observer of each commit from now on. Returns its removal. */
  observe(observer: CommitObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /**
   * Events with the prefix in the commits after a revision, about `countMax` of them and always whole commits, and the
   * revision through which they were read. Evicted events lack their values.
   */
  eventsAfter(
    prefix: string,
    afterRevision: number,
    countMax: number,
  ): { readonly events: StorageEvent[]; readonly through: number } {
    if (afterRevision < this.#compacted) throw compactedError(afterRevision, this.#compacted);
    const events: StorageEvent[] = [];
    let through = afterRevision;
    while (through < this.#revision && events.length < countMax) {
      through++;
      const commit = this.#log[through - this.#logStart] ?? [];
      for (const event of commit) if (event.key.startsWith(prefix)) events.push(event);
    }
    return { events, through };
  }

  isEvicted(event: StorageEvent): boolean {
    return event.revision <= this.#evictedThrough;
  }

  /** Drops values of the oldest commits until the bytes of history fit. */
  evict(historyBytesMax: number): void {
    while (this.#historyBytes > historyBytesMax) {
      const revision = Math.max(this.#evictedThrough, this.#compacted) + 1;
      if (revision > this.#revision) return;
      const index = revision - this.#logStart;
      this.#log[index] = (this.#log[index] ?? []).map((event) => this.#evictEvent(event));
      this.#evictedThrough = revision;
    }
  }

  #evictEvent(event: StorageEvent): StorageEvent {
    this.#historyBytes -= event.previousValue?.byteLength ?? 0;
    const older = this.#items.get(event.key)?.older;
    const index = older === undefined ? -1 : lastAtMost(older, event.revision - 1);
    const version = older?.[index];
    // The version that this commit replaced is needed only by reads before it: nothing newer refers to its value.
    if (older !== undefined && version?.value !== undefined) older[index] = { ...version, value: undefined };
    return { ...event, value: undefined, previousValue: undefined };
  }

  /**
   * Forgets history before the revision: at once for readers; the memory is freed in steps, while the caller iterates.
   * Each step yields the versions that it dropped, delete markers among them.
   */
  *compact(revision: number, commitsPerStep = 1000): Generator<readonly DroppedVersion[], void> {
    this.checkCompactable(revision);
    if (revision <= this.#compacted) return;
    this.#compacted = revision;
    while (this.#logStart <= revision) {
      const count = Math.min(commitsPerStep, revision - this.#logStart + 1);
      const dropped: DroppedVersion[] = [];
      for (const commit of this.#log.splice(0, count)) {
        for (const event of commit) {
          this.#historyBytes -= event.previousValue?.byteLength ?? 0;
          this.#dropOld(event.key, revision, dropped);
        }
      }
      this.#logStart += count;
      this.#evictedThrough = Math.max(this.#evictedThrough, this.#logStart - 1);
      yield dropped;
    }
  }

  checkCompactable(revision: number): void {
    if (revision > this.#revision) this.checkReadable(revision);
  }

  /** Drops the versions of a key that no read at or after the revision can see. */
  #dropOld(key: string, revision: number, dropped: DroppedVersion[]): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    const newestRevision = item.current?.modRevision ?? item.removedAt;
    const { older } = item;
    if (older !== undefined) {
      // All before the last version at or before the revision; that one too when something newer is also at or
      // before it, or when it marks a deletion.
      let keepFrom = newestRevision <= revision ? older.length : Math.max(0, lastAtMost(older, revision));
      const first = older[keepFrom];
      if (first !== undefined && isTombstone(first) && first.modRevision <= revision) keepFrom++;
      for (const version of older.splice(0, keepFrom)) dropped.push({ key, revision: version.modRevision });
      if (older.length === 0) item.older = undefined;
    }
    if (item.current === undefined && item.removedAt <= revision) {
      this.#sorted.remove(item);
      this.#items.delete(key);
      dropped.push({ key, revision: item.removedAt });
    }
  }

  #applyPut(event: StorageEvent, value: Uint8Array, deferred: readonly KeyValue[]): void {
    const { key, revision, createRevision } = event;
    const stated = deferred.length === 0 ? undefined : deferred.find((each) => each.key === key);
    const current: KeyValue = stated ?? { key, value, createRevision, modRevision: revision };
    const item = this.#items.get(key);
    if (item === undefined) {
      const added: Item = { key, live: true, current, removedAt: 0, older: undefined };
      this.#items.set(key, added);
      this.#sorted.insert(added);
      return;
    }
    retire(item);
    item.current = current;
    this.#sorted.setLive(item, true);
  }

  #applyDelete(event: StorageEvent): void {
    const item = this.#items.get(event.key);
    if (item === undefined) return;
    retire(item);
    item.current = undefined;
    item.removedAt = event.revision;
    this.#sorted.setLive(item, false);
  }
}

export interface CommitObserver {
  onCommit(events: readonly StorageEvent[], revision: number): void;
  onClose(): void;
}

/** A key at a revision. A createRevision of 0 marks a deletion; else an undefined value was evicted. */
export interface Version {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly createRevision: number;
  readonly modRevision: number;
  /** See KeyValue: only the newest version of a key can have it. */
  readonly deferred?: DeferredValue;
}

/** The value of a version as far as nothing has to be read for it. */
export const valueAtHand = (version: Version): Uint8Array | undefined =>
  version.deferred === undefined ? version.value : version.deferred.known;

const none: readonly KeyValue[] = [];

export interface DroppedVersion {
  readonly key: string;
  readonly revision: number;
}

interface Item extends SortedItem {
  /** Undefined while the key is deleted. */
  current: KeyValue | undefined;
  /** The revision of the deletion, while `current` is undefined. */
  removedAt: number;
  /** Versions before, oldest first; never empty. */
  older: Version[] | undefined;
}

export function isTombstone(version: Version): boolean {
  return version.createRevision === 0;
}

/** Moves the newest state of an item among the older ones. */
function retire(item: Item): void {
  const { key, current } = item;
  const version =
    current === undefined
      ? { key, value: undefined, createRevision: 0, modRevision: item.removedAt }
      : current.deferred === undefined
        ? current
        : withoutDeferral(current, current.deferred);
  if (item.older === undefined) item.older = [version];
  else item.older.push(version);
}

/** What was not read until now is as good as evicted. */
function withoutDeferral({ key, createRevision, modRevision }: KeyValue, { known }: DeferredValue): Version {
  return { key, value: known, createRevision, modRevision };
}

function versionAt(item: Item, revision: number): Version | undefined {
  const { current, older } = item;
  if (current !== undefined && current.modRevision <= revision) return current;
  if (current === undefined && item.removedAt <= revision) return undefined;
  const version = older?.[lastAtMost(older, revision)];
  return version === undefined || isTombstone(version) ? undefined : version;
}

/** The index of the last version at or before the revision; -1 when there is none. */
function lastAtMost(versions: readonly Version[], revision: number): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((versions[middle] as Version).modRevision <= revision) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function compactedError(revision: number, compacted: number): StorageError {
  return new StorageError(
    "compacted",
    `revision ${revision} has been compacted: the oldest that can be read is ${compacted}`,
  );
}

/** What a transaction would do: the events of its commit, or what the compared keys hold instead. */
export type TransactionPlan =
  | { readonly holds: true; readonly events: readonly StorageEvent[] }
  | { readonly holds: false; readonly current: readonly (KeyValue | undefined)[] };

/** Judges a transaction against a state and gives the events of its commit, which would have the given revision. */
export function planTransaction(
  compare: readonly Compare[],
  operations: readonly Operation[],
  revision: number,
  find: (key: string) => KeyValue | undefined,
): TransactionPlan {
  // Most write the one key that they compare: it is looked up once.
  let known: KeyValue | undefined;
  for (const { key, modRevision } of compare) {
    known = find(key);
    if ((known?.modRevision ?? 0) !== modRevision) {
      return { holds: false, current: compare.map((other) => find(other.key)) };
    }
  }
  const knownKey = compare.at(-1)?.key;
  if (operations.length > 1) checkDistinct(operations);
  const events: StorageEvent[] = [];
  for (const operation of operations) {
    const { key } = operation;
    const previous = key === knownKey ? known : find(key);
    if (operation.type === "put") {
      const { value } = operation;
      const createRevision = previous?.createRevision ?? revision;
      // A value that was deferred is read by now, which keeps it from getting lost: what is replaced may be compacted away.
      const previousValue = previous?.value;
      events.push({
        type: "put",
        key,
        revision,
        createRevision,
        value,
        previousValue,
        ...outlined(operation),
      });
    } else if (previous !== undefined) {
      const { createRevision, value: previousValue } = previous;
      events.push({ type: "delete", key, revision, createRevision, value: undefined, previousValue });
    }
  }
  return { holds: true, events };
}

const nothing = {};

const outlined = ({ outline }: { readonly outline?: Uint8Array | undefined }): object =>
  outline === undefined ? nothing : { outline };

function checkDistinct(operations: readonly Operation[]): void {
  const keys = new Set(operations.map((operation) => operation.key));
  if (keys.size !== operations.length) throw new TypeError("a transaction may name a key only once");
}
