import type { ReplicaSet } from "../../api/types/apps-v1.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { ReplicasReconciler, type ReplicatorKind } from "./replicas.ts";

const replicaSets: ReplicatorKind<ReplicaSet> = {
  reference: resources.replicasets,
  selectorOf: ({ spec }) => selectorFromLabelSelector(spec.selector),
};

/** Keeps each ReplicaSet's number of pods. */
export const replicaSetController: ControllerRegistration = {
  name: "replicaset-controller",
  setup(context) {
    const reconciler = new ReplicasReconciler(context, replicaSets);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: reconciler.watches(),
    };
  },
};
