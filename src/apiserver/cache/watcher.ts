import type { CacheEvent, WatchNotice } from "./cache-event.ts";
import { type FieldRequirement, fieldValue, type Selection } from "./selection.ts";

/** Where a watch's events go. None of the calls may throw or wait: a slow consumer is ended, it delays nobody. */
export interface WatchSink {
  /** Takes one event; it may be kept until `flush`. */
  notice(notice: WatchNotice): void;
  /** No more events come in this turn. */
  flush(): void;
  /** A bookmark at the revision; `initialEventsEnd` marks the end of the initial state. */
  bookmark(revision: number, initialEventsEnd: boolean): void;
  /** The watch is over, for the reason given or because the server ends it. Called once. */
  end(error?: unknown): void;
}

/** One open watch of a resource. */
export interface Watcher {
  readonly selection: Selection;
  readonly sink: WatchSink;
  readonly bookmarks: boolean;
  /** Events up to here are known to the client. */
  afterRevision: number;
}

/**
 * Finds the watchers that may care about an event without asking each: those with an equality on a field (kubelets watch
 * `spec.nodeName=…`) or a namespace lie in buckets by its value.
 */
export class WatcherIndex {
  readonly all = new Set<Watcher>();
  readonly #general = new Set<Watcher>();
  readonly #buckets = new Map<
    string,
    { requirement: FieldRequirement; byValue: Map<string, Set<Watcher>> }
  >();

  add(watcher: Watcher): void {
    this.all.add(watcher);
    const index = watcher.selection.index;
    if (index === undefined) {
      this.#general.add(watcher);
      return;
    }
    let bucket = this.#buckets.get(index.field);
    if (bucket === undefined) {
      bucket = { requirement: index, byValue: new Map() };
      this.#buckets.set(index.field, bucket);
    }
    const watchers = bucket.byValue.get(index.value) ?? new Set();
    bucket.byValue.set(index.value, watchers.add(watcher));
  }

  delete(watcher: Watcher): void {
    this.all.delete(watcher);
    this.#general.delete(watcher);
    const index = watcher.selection.index;
    const bucket = index === undefined ? undefined : this.#buckets.get(index.field);
    if (index === undefined || bucket === undefined) return;
    const watchers = bucket.byValue.get(index.value);
    watchers?.delete(watcher);
    if (watchers?.size === 0) bucket.byValue.delete(index.value);
    if (bucket.byValue.size === 0) this.#buckets.delete(index.field);
  }

  /** Calls back for each watcher that the event may concern, each once. */
  forEach(event: CacheEvent, visit: (watcher: Watcher) => void): void {
    for (const watcher of this.#general) visit(watcher);
    for (const { requirement, byValue } of this.#buckets.values()) {
      const before = event.previous === undefined ? undefined : fieldValue(requirement, event.previous);
      const now = event.current === undefined ? undefined : fieldValue(requirement, event.current);
      if (before !== undefined) for (const watcher of byValue.get(before) ?? []) visit(watcher);
      if (now !== undefined && now !== before) for (const watcher of byValue.get(now) ?? []) visit(watcher);
    }
  }
}
