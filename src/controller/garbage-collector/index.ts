import { formatApiVersion } from "../../apimachinery/gvk.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { ResourceReference } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { type Discovery, discoverResources, kindKey, mayGo } from "../discovery.ts";
import { followDefinitions, hasDefinitions } from "../follow-definitions.ts";
import { OwnerGraph } from "./graph.ts";
import { GarbageCollector } from "./reconciler.ts";

/** Resources whose objects are never owned and come by the thousand. */
const ignored = new Set(["events", "events.events.k8s.io"]);

/** New kinds are looked for as often, besides when definitions change: kinds may come from other servers too. */
const discoverEveryMs = 30_000;

/**
 * Where definitions are stored, there may be hundreds of kinds to follow. Whoever starts a server waits for other things, so
 * that these come after the start, and a few at a time.
 */
const discoverAfterMs = 1_500;
const followedAtOnce = 100;
const followedTogether = 16;
const followPauseMs = 20;

/** A cache that cannot be filled (its server is away) holds up the rest for so long. */
const syncPatienceMs = 30_000;

/** Deletes what no owner wants any more, over every resource that is served. Keys are uids, and `discover`. */
export const garbageCollectorController: ControllerRegistration = {
  name: "garbage-collector-controller",
  setup(context) {
    const graph = new OwnerGraph();
    const kinds = new Kinds(context);
    const collector = new GarbageCollector(context, graph, (apiVersion, kind) => kinds.get(apiVersion, kind));
    let enqueue: (uid: string, because?: KubernetesObject) => void = () => {};
    const enqueueAll = (uids: readonly string[], because?: KubernetesObject): void =>
      uids.forEach((uid) => enqueue(uid, because));

    function follow(informer: Informer<KubernetesObject>, until: AbortSignal): void {
      const remove = informer.addHandler({
        added: (object) => enqueueAll(graph.put(informer.reference, object), object),
        updated: (_, object) => enqueueAll(graph.put(informer.reference, object), object),
        deleted: (object) => enqueueAll(graph.remove(object.metadata.uid ?? ""), object),
      });
      until.addEventListener("abort", remove, { once: true });
    }

    return {
      workers: 5,
      watches: [
        (add) => {
          enqueue = add;
          return () => {};
        },
      ],
      start(add) {
        void kinds.rest().then(() => {
          add("discover");
          void followDefinitions(context, () => add("discover"));
        });
      },
      async reconcile(uid) {
        if (uid === "discover") {
          const hasFound = await kinds.discover(follow);
          if (hasFound) enqueueAll(collector.takeUndecided());
          return { requeueAfterMs: discoverEveryMs };
        }
        // What is not known yet may be a dependent that must not be lost.
        await kinds.synced();
        for (const next of await collector.reconcile(uid)) enqueue(next);
        return undefined;
      },
    };
  },
};

/** The kinds that are served, and a cache of each that can be collected. */
class Kinds {
  readonly #context: ControllerContext;
  #kinds = new Map<string, ResourceReference>();
  readonly #followed = new Map<string, Followed>();
  #synced: Promise<unknown> = Promise.resolve();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  get(apiVersion: string, kind: string): ResourceReference | undefined {
    return this.#kinds.get(kindKey(apiVersion, kind));
  }

  /** Resolves when all caches are filled, or have been waited for long enough. */
  async synced(): Promise<void> {
    await this.#synced;
  }

  /** Resolves when it is time to look at what there is: at once, unless there may be much. */
  async rest(): Promise<void> {
    const { clock, signal } = this.#context;
    const rested = hasDefinitions(this.#context).then((has) =>
      has ? clock.sleep(discoverAfterMs, signal).catch(() => undefined) : undefined,
    );
    this.#synced = rested;
    await rested;
  }

  /**
   * Asks the server for its kinds, follows the caches of those that are new and lets go of those that are no longer served;
   * answers whether there are new ones.
   */
  async discover(follow: Follow): Promise<boolean> {
    const { client, clock, signal } = this.#context;
    const discovery = await discoverResources(client.transport);
    const added: Followed[] = [];
    const served = new Set<string>();
    for (const resource of discovery.resources) {
      const name = resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
      const collectable = ["list", "watch", "delete"].every((verb) => resource.verbs.includes(verb));
      if (!collectable || ignored.has(name)) continue;
      const key = `${resource.version} ${name}`;
      served.add(key);
      if (this.#followed.has(key)) continue;
      const followed = { resource, end: mayGo(resource) ? new AbortController() : undefined };
      this.#followed.set(key, followed);
      added.push(followed);
    }
    const hasKinds = this.#learn(discovery);
    this.#letGo(served, discovery);
    if (added.length === 0) return hasKinds;
    const filled = this.#follow(added, follow);
    const patience = clock.sleep(syncPatienceMs, signal).catch(() => undefined);
    this.#synced = Promise.all([this.#synced, Promise.race([filled, patience])]);
    return true;
  }

  /** Takes over what is served; answers whether there is a kind that was not known. */
  #learn({ kinds, failures }: Discovery): boolean {
    const known = this.#kinds;
    this.#kinds = new Map(kinds);
    // Who says nothing at present may still have what it had.
    for (const [key, reference] of known)
      if (failures.has(formatApiVersion(reference))) this.#kinds.set(key, reference);
    return [...this.#kinds.keys()].some((key) => !known.has(key));
  }

  /** A cache of a kind that is gone would ask for it for ever. */
  #letGo(served: ReadonlySet<string>, { failures }: Discovery): void {
    for (const [key, { resource, end }] of this.#followed) {
      if (end === undefined || served.has(key) || failures.has(formatApiVersion(resource))) continue;
      end.abort();
      this.#followed.delete(key);
    }
  }

  /** Resolves when all are filled. */
  async #follow(added: readonly Followed[], follow: Follow): Promise<void> {
    const { informers, clock, signal } = this.#context;
    const filling: Promise<void>[] = [];
    for (const [index, { resource, end }] of added.entries()) {
      if (index >= followedAtOnce && index % followedTogether === 0) {
        await clock.sleep(followPauseMs, signal).catch(() => undefined);
        if (signal.aborted) return;
      }
      const until = end === undefined ? signal : AbortSignal.any([end.signal, signal]);
      const informer = informers.informer<KubernetesObject>(resource, {
        metadataOnly: true,
        ...(end !== undefined && { signal: until }),
      });
      follow(informer, until);
      filling.push(informer.synced());
    }
    await Promise.all(filling);
  }
}

/** To be told of what is in a cache, until the signal aborts. */
type Follow = (informer: Informer<KubernetesObject>, until: AbortSignal) => void;

interface Followed {
  readonly resource: ResourceReference;
  /** Ends the cache of a kind that may go. */
  readonly end: AbortController | undefined;
}
