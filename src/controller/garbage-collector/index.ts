import { formatApiVersion } from "../../apimachinery/gvk.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { ResourceReference } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { discoverResources } from "../discovery.ts";
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
    let enqueue: (uid: string) => void = () => {};

    function follow(informer: Informer<KubernetesObject>): void {
      const remove = informer.addHandler({
        added: (object) => graph.put(informer.reference, object).forEach(enqueue),
        updated: (_, object) => graph.put(informer.reference, object).forEach(enqueue),
        deleted: ({ metadata }) => graph.remove(metadata.uid ?? "").forEach(enqueue),
      });
      context.signal.addEventListener("abort", remove, { once: true });
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
          if (hasFound) collector.takeUndecided().forEach(enqueue);
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
  readonly #references = new Map<string, ResourceReference>();
  readonly #followed = new Set<string>();
  #synced: Promise<unknown> = Promise.resolve();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  get(apiVersion: string, kind: string): ResourceReference | undefined {
    return this.#references.get(`${apiVersion} ${kind}`);
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

  /** Asks the server for its kinds and follows the caches of those that are new; answers whether there are any. */
  async discover(follow: (informer: Informer<KubernetesObject>) => void): Promise<boolean> {
    const { client, clock, signal } = this.#context;
    const { resources: found } = await discoverResources(client.transport);
    const added: ResourceReference[] = [];
    for (const resource of found) {
      this.#references.set(`${formatApiVersion(resource)} ${resource.kind}`, resource);
      const name = resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
      const collectable = ["list", "watch", "delete"].every((verb) => resource.verbs.includes(verb));
      const key = `${resource.version} ${name}`;
      if (!collectable || ignored.has(name) || this.#followed.has(key)) continue;
      this.#followed.add(key);
      added.push(resource);
    }
    if (added.length === 0) return false;
    const filled = this.#follow(added, follow);
    const patience = clock.sleep(syncPatienceMs, signal).catch(() => undefined);
    this.#synced = Promise.all([this.#synced, Promise.race([filled, patience])]);
    return true;
  }

  /** Resolves when all are filled. */
  async #follow(
    added: readonly ResourceReference[],
    follow: (informer: Informer<KubernetesObject>) => void,
  ): Promise<void> {
    const { informers, clock, signal } = this.#context;
    const filling: Promise<void>[] = [];
    for (const [index, resource] of added.entries()) {
      if (index >= followedAtOnce && index % followedTogether === 0) {
        await clock.sleep(followPauseMs, signal).catch(() => undefined);
        if (signal.aborted) return;
      }
      const informer = informers.informer<KubernetesObject>(resource, { metadataOnly: true });
      follow(informer);
      filling.push(informer.synced());
    }
    await Promise.all(filling);
  }
}
