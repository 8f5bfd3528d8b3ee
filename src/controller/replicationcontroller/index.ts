import type { ReplicationController } from "../../api/types/core-v1.ts";
import { nothing, selectorFromMap } from "../../apimachinery/labels.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { ReplicasReconciler, type ReplicatorKind } from "../replicaset/replicas.ts";

/** Without a selector a ReplicationController selects nothing; defaulting gives it its template's labels. */
const replicationControllers: ReplicatorKind<ReplicationController> = {
  reference: resources.replicationcontrollers,
  selectorOf: ({ spec }) => (spec.selector === undefined ? nothing : selectorFromMap(spec.selector)),
};

/** Keeps each ReplicationController's number of pods: a ReplicaSet with an older selector. */
export const replicationControllerController: ControllerRegistration = {
  name: "replicationcontroller-controller",
  setup(context) {
    const reconciler = new ReplicasReconciler(context, replicationControllers);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: reconciler.watches(),
    };
  },
};
