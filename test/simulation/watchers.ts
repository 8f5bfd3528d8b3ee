import { deepEqual } from "../../src/apimachinery/json.ts";
import { parseLabelSelector, type Selector } from "../../src/apimachinery/labels.ts";
import type { KubernetesObject } from "../../src/apimachinery/object.ts";
import { StatusError } from "../../src/apimachinery/status.ts";
import type { WatchEventType } from "../../src/apimachinery/transport.ts";
import type { Client, ResourceReference } from "../../src/client/client.ts";
import { type History, keyOfObject, prefixOf } from "./history.ts";
import { firstDifference } from "./ledger.ts";

interface Seen {
  readonly type: WatchEventType;
  readonly key: string;
  readonly revision: number;
  readonly object: KubernetesObject;
}

/** What was seen without a gap: the list that it began with, and each event after it. */
interface Stretch {
  readonly from: number;
  readonly listed: ReadonlyMap<string, KubernetesObject>;
  readonly seen: Seen[];
  /** So many of the history's changes, and of what was seen, were compared. */
  readonly judged: { changes: number; seen: number; list: boolean };
  /** The newest revision that an event or a bookmark told of. */
  upTo: number;
}

/**
 * Follows a resource as clients do: lists it, watches from there, takes up again where a watch breaks, lists anew when
 * that is too old. `judge` compares what it was told, event by event, with what the store says.
 */
export class Follower {
  readonly reference: ResourceReference;
  readonly #client: Client;
  readonly #labelSelector: string;
  readonly #selector: Selector;
  readonly #stretches: Stretch[] = [];
  readonly #pause: () => Promise<void>;
  #judged = 0;
  #isStopped = false;
  readonly #stop = new AbortController();

  constructor(
    reference: ResourceReference,
    { client, labelSelector, pause }: { client: Client; labelSelector: string; pause: () => Promise<void> },
  ) {
    this.reference = reference;
    this.#client = client;
    this.#labelSelector = labelSelector;
    this.#selector = parseLabelSelector(labelSelector);
    this.#pause = pause;
  }

  /** Goes on until `stop`. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const stretch = await this.#list().catch(() => undefined);
      if (stretch !== undefined) {
        this.#stretches.push(stretch);
        await this.#watch(stretch);
      }
      if (!this.#isStopped) await this.#pause();
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#stop.abort();
  }

  get #options(): { labelSelector?: string } {
    return this.#labelSelector === "" ? {} : { labelSelector: this.#labelSelector };
  }

  async #list(): Promise<Stretch> {
    const resource = this.#client.resource(this.reference);
    let page = await resource.list(this.#options);
    const from = Number(page.metadata.resourceVersion);
    const items = [...page.items];
    while ((page.metadata.continue ?? "") !== "") {
      page = await resource.list({ ...this.#options, continue: page.metadata.continue ?? "" });
      items.push(...page.items);
    }
    const listed = new Map(items.map((item) => [keyOfObject(this.reference, item.metadata), item]));
    const judged = { changes: 0, seen: 0, list: false };
    return { from, listed, seen: [], upTo: from, judged };
  }

  /** Until the revision is too old to go on from. */
  async #watch(stretch: Stretch): Promise<void> {
    while (!this.#isStopped) {
      try {
        const watch = this.#client.resource(this.reference).watch({
          ...this.#options,
          resourceVersion: String(stretch.upTo),
          allowWatchBookmarks: true,
          signal: this.#stop.signal,
        });
        for await (const { type, object } of watch) {
          const revision = Number(object.metadata.resourceVersion);
          stretch.upTo = Math.max(stretch.upTo, revision);
          if (type === "BOOKMARK") continue;
          stretch.seen.push({ type, key: keyOfObject(this.reference, object.metadata), revision, object });
        }
      } catch (error) {
        if (error instanceof StatusError && error.code === 410) return;
      }
      if (!this.#isStopped) await this.#pause();
    }
  }

  /** What it was told that is not so, or was not told. With `isCurrent` it must have seen everything by now. */
  *judge(history: History, isCurrent: boolean): Generator<string> {
    const name = `the watch of ${this.reference.resource}${this.#labelSelector === "" ? "" : ` with ${this.#labelSelector}`}`;
    for (const [index, stretch] of this.#stretches.entries()) {
      const isLast = index === this.#stretches.length - 1;
      if (index < this.#judged) continue;
      if (!isLast) this.#judged = index + 1;
      yield* this.#judgeList(name, stretch, history);
      yield* this.#judgeEvents(name, stretch, history, isLast && isCurrent ? history.revision : stretch.upTo);
    }
  }

  *#judgeList(name: string, { from, listed, judged }: Stretch, history: History): Generator<string> {
    if (judged.list) return;
    judged.list = true;
    const there = [...history.at(from, prefixOf(this.reference))].filter(([, { object }]) =>
      this.#matches(object),
    );
    if (there.length !== listed.size)
      yield `${name}: the list at ${from} has ${listed.size} of ${there.length} objects`;
    for (const [key, { revision, object }] of there) {
      const told = listed.get(key);
      if (told === undefined) yield `${name}: the list at ${from} lacks ${key}`;
      else if (told.metadata.resourceVersion !== String(revision))
        yield `${name}: the list at ${from} has ${key} of ${told.metadata.resourceVersion ?? ""} and not of ${revision}`;
      else if (!deepEqual(stripped(told), object))
        yield `${name}: the list at ${from} has another ${key}: ${firstDifference(stripped(told), object)}`;
    }
  }

  /** From where it was judged last. */
  *#judgeEvents(name: string, stretch: Stretch, history: History, upTo: number): Generator<string> {
    const { from, seen, judged } = stretch;
    const prefix = prefixOf(this.reference);
    for (; judged.changes < history.changes.length; judged.changes++) {
      const change = history.changes[judged.changes];
      if (change === undefined || change.revision > upTo) break;
      const { revision, key, before, after } = change;
      if (revision <= from || !key.startsWith(prefix)) continue;
      const [was, is] = [this.#matches(before), this.#matches(after)];
      if (!was && !is) continue;
      const type = was ? (is ? "MODIFIED" : "DELETED") : "ADDED";
      const told = seen[judged.seen];
      if (told === undefined) {
        yield `${name} from ${from} was not told of ${type} ${key} at ${revision}`;
        return;
      }
      if (told.type !== type || told.key !== key || told.revision !== revision) {
        yield `${name} from ${from} was told ${told.type} ${told.key} at ${told.revision} instead of ${type} ${key} at ${revision}`;
        return;
      }
      judged.seen++;
      const should = is ? after : before;
      if (!deepEqual(stripped(told.object), should))
        yield `${name} was told another ${key} at ${revision}: ${firstDifference(stripped(told.object), should)}`;
    }
    const more = seen[judged.seen];
    if (more !== undefined && more.revision <= upTo)
      yield `${name} from ${from} was told ${more.type} ${more.key} at ${more.revision}, which never happened`;
  }

  #matches(object: KubernetesObject | undefined): boolean {
    return object !== undefined && this.#selector.matches(object.metadata.labels);
  }
}

/** As it lies in the store: without its revision. */
function stripped(object: KubernetesObject): KubernetesObject {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
