import type { KubernetesObject } from "../apimachinery/object.ts";

/**
 * What a controller wrote itself, of objects that its cache may show as they were before: one that decides by them would
 * do again what it has done. Nobody need be woken: what is missing comes as an event of that very object.
 * (Mirrors pkg/controller/util/consistency.)
 */
export class OwnWrites {
  /** The newest revision of each object, by uid, that the cache has not shown yet. */
  readonly #revisions = new Map<string, number>();

  /** To be told of the answer to each write. */
  wrote({ metadata: { uid = "", resourceVersion } }: KubernetesObject): void {
    const revision = Number(resourceVersion);
    if (revision > (this.#revisions.get(uid) ?? 0)) this.#revisions.set(uid, revision);
  }

  /** Whether the object, as the cache has it, is no older than what was written. */
  isSeen({ metadata: { uid = "", resourceVersion } }: KubernetesObject): boolean {
    const written = this.#revisions.get(uid);
    if (written === undefined) return true;
    if (Number(resourceVersion) < written) return false;
    this.#revisions.delete(uid);
    return true;
  }

  /** The object is gone. */
  forget({ metadata: { uid = "" } }: KubernetesObject): void {
    this.#revisions.delete(uid);
  }
}
