import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Informer } from "../client/informer.ts";
import type { ControllerWatch, Enqueue } from "./controller.ts";

/** What is asked of a cache. */
type Cache = Pick<Informer<KubernetesObject>, "lastResourceVersion" | "onRevision">;

/**
 * What a controller wrote itself, by the key that it wrote it for, and its caches do not show yet: one that decides by
 * them would do again what it has done. A cache shows a write when it has come to its revision; a key that was asked
 * about before is woken then, whatever else may wake it. What was written before a restart is not known.
 * (Mirrors pkg/controller/util/consistency.)
 *
 *   this.#written.wrote(key, this.#pods, await pods.create(pod));
 *   …
 *   if (!this.#written.isSeen(key)) return undefined;
 */
export class OwnWrites {
  /** The newest revision that was written of what each cache holds. */
  readonly #revisions = new Map<string, Map<Cache, number>>();
  /** Keys that some cache wakes. */
  readonly #waiting = new Set<string>();
  #enqueue: Enqueue | undefined;

  /** To be among the controller's watches: it wakes keys that asked in vain. */
  watch(): ControllerWatch {
    return (enqueue) => {
      this.#enqueue = enqueue;
      return () => {
        this.#enqueue = undefined;
      };
    };
  }

  /** To be told of the answer to each write, with the cache that will show it. */
  wrote(key: string, cache: Cache, { metadata: { resourceVersion } }: KubernetesObject): void {
    const revision = Number(resourceVersion);
    // Most are seen before their answer is.
    if (!(revision > Number(cache.lastResourceVersion()))) return;
    let revisions = this.#revisions.get(key);
    if (revisions === undefined) this.#revisions.set(key, (revisions = new Map()));
    // Answers may overtake each other.
    revisions.set(cache, Math.max(revision, revisions.get(cache) ?? 0));
  }

  /** Whether the caches show all that was written for the key. If not, it is woken when the first that lacks something does. */
  isSeen(key: string): boolean {
    const revisions = this.#revisions.get(key);
    if (revisions === undefined) return true;
    for (const [cache, revision] of revisions) {
      if (Number(cache.lastResourceVersion()) < revision) {
        this.#wakeAt(cache, revision, key);
        return false;
      }
      revisions.delete(cache);
    }
    this.#revisions.delete(key);
    return true;
  }

  /** What the key stands for is gone. */
  forget(key: string): void {
    this.#revisions.delete(key);
  }

  #wakeAt(cache: Cache, revision: number, key: string): void {
    if (this.#waiting.has(key)) return;
    this.#waiting.add(key);
    cache.onRevision(revision, () => {
      this.#waiting.delete(key);
      this.#enqueue?.(key);
    });
  }
}
