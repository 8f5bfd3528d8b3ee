import type { DaemonSet } from "../../api/types/apps-v1.ts";
import type { Node } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { keyOf } from "../../apimachinery/object.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration, ControllerWatch } from "../controller.ts";
import { fitOf } from "./fit.ts";
import { DaemonSetReconciler } from "./reconciler.ts";

/** Keeps a pod of each DaemonSet on every node. */
export const daemonSetController: ControllerRegistration = {
  name: "daemonset-controller",
  setup(context) {
    const reconciler = new DaemonSetReconciler(context);
    const sets = context.informers.informer(resources.daemonsets);
    return {
      workers: 2,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [...reconciler.watches(), watchNodes(context.informers.informer(resources.nodes), sets)],
    };
  },
};

/** Nodes report their health every few seconds; only what decides where daemons run wakes their sets. */
function watchNodes(nodes: Informer<Node>, sets: Informer<DaemonSet>): ControllerWatch {
  return (enqueue) => {
    const enqueueAll = (): void => {
      for (const set of sets.list()) enqueue(keyOf(set));
    };
    return nodes.addHandler({
      added: enqueueAll,
      deleted: enqueueAll,
      updated: (old, node) => {
        const same =
          deepEqual(old.metadata.labels, node.metadata.labels) &&
          deepEqual(old.spec.taints, node.spec.taints);
        if (same) return;
        for (const set of sets.list()) {
          if (!deepEqual(fitOf(set, old), fitOf(set, node))) enqueue(keyOf(set));
        }
      },
    });
  };
}
