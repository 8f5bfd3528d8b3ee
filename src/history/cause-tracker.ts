import { AsyncLocalStorage } from "node:async_hooks";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Cause } from "./entry.ts";

/** More would bury the newest. */
const maxWakers = 3;

/**
 * Knows what a controller is working on when it makes a request: reconciling runs within its cause, and whoever is asked
 * in the course of it, at whatever depth, finds the cause here. What woke a key is remembered until the key is worked on.
 */
export class CauseTracker {
  readonly #running = new AsyncLocalStorage<Cause>();
  /** The newest objects whose change put a key into its queue, by controller and key. */
  readonly #wakers = new Map<string, KubernetesObject[]>();

  /** Of the request that is being made. */
  readonly current = (): Cause | undefined => this.#running.getStore();

  /** A change of the object put the key into the controller's queue. */
  woke(controller: string, key: string, because: KubernetesObject): void {
    const id = `${controller} ${key}`;
    const known = this.#wakers.get(id);
    if (known === undefined) this.#wakers.set(id, [because]);
    else {
      if (known.length === maxWakers) known.shift();
      known.push(because);
    }
  }

  /** Does the work as what the controller does for the key. */
  run<T>(controller: string, key: string, work: () => T): T {
    const id = `${controller} ${key}`;
    const wakers = this.#wakers.get(id) ?? [];
    this.#wakers.delete(id);
    const wokenBy = wakers.map(({ kind, metadata: { namespace = "", name = "", resourceVersion = "" } }) => ({
      kind,
      namespace,
      name,
      revision: resourceVersion,
    }));
    return this.#running.run({ controller, key, wokenBy }, work);
  }
}
