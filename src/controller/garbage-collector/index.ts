import { formatApiVersion } from "../../apimachinery/gvk.ts";
import type { ResourceReference } from "../../client/client.ts";
import type { ControllerRegistration } from "../controller.ts";
import { discoverResources } from "../discovery.ts";
import { OwnerGraph } from "./graph.ts";
import { GarbageCollector } from "./reconciler.ts";

/** Resources whose objects are never owned and come by the thousand. */
const ignored = new Set(["events", "events.events.k8s.io"]);

/** Deletes what no owner wants any more, over every resource that is served. Keys are uids. */
export const garbageCollectorController: ControllerRegistration = {
  name: "garbage-collector-controller",
  setup(context) {
    const graph = new OwnerGraph();
    const kinds = new Map<string, ResourceReference>();
    const collector = new GarbageCollector(context, graph, (apiVersion, kind) =>
      kinds.get(`${apiVersion} ${kind}`),
    );
    let enqueue: (uid: string) => void = () => {};

    function follow(reference: ResourceReference): void {
      const informer = context.informers.informer(reference);
      const seen = (object: Parameters<OwnerGraph["put"]>[1]): void => {
        for (const uid of graph.put(reference, object)) enqueue(uid);
      };
      informer.addHandler({
        added: seen,
        updated: (_old, object) => seen(object),
        deleted: (object) => {
          for (const uid of graph.remove(object.metadata.uid ?? "")) enqueue(uid);
        },
      });
    }

    async function discover(): Promise<void> {
      for (const found of await discoverResources(context.client.transport)) {
        const key = `${formatApiVersion(found)} ${found.kind}`;
        if (kinds.has(key)) continue;
        kinds.set(key, found);
        const name = found.group === "" ? found.resource : `${found.resource}.${found.group}`;
        const collectable = ["list", "watch", "delete"].every((verb) => found.verbs.includes(verb));
        if (collectable && !ignored.has(name)) follow(found);
      }
    }

    return {
      workers: 5,
      watches: [],
      start(add) {
        enqueue = add;
        discover().catch((error: unknown) => {
          if (!context.signal.aborted)
            context.logger.error("discovery for garbage collection failed", { error });
        });
      },
      async reconcile(uid) {
        for (const next of await collector.reconcile(uid)) enqueue(next);
      },
    };
  },
};
