import type { Deployment, ReplicaSet } from "../../api/types/apps-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { controllerOf, joinKey, keyOf } from "../../apimachinery/object.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration, ControllerWatch } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { isRollingUpdate } from "./limits.ts";
import { DeploymentReconciler } from "./reconciler.ts";

/** Rolls Deployments out. */
export const deploymentController: ControllerRegistration = {
  name: "deployment-controller",
  setup(context) {
    const reconciler = new DeploymentReconciler(context);
    const deployments = context.informers.informer(resources.deployments);
    const replicaSets = context.informers.informer(resources.replicasets);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        watch(deployments, enqueueSelf),
        watchReplicaSets(deployments, replicaSets),
        watchLastPods(context.informers.informer(resources.pods), deployments, replicaSets),
      ],
    };
  },
};

/** A ReplicaSet wakes its Deployment; one that nobody controls, every Deployment that may adopt it. */
function watchReplicaSets(
  deployments: Informer<Deployment>,
  replicaSets: Informer<ReplicaSet>,
): ControllerWatch {
  const concerned = (replicaSet: ReplicaSet): string[] => {
    const { namespace, labels } = replicaSet.metadata;
    const owner = controllerOf(replicaSet);
    if (owner !== undefined) return owner.kind === "Deployment" ? [joinKey(namespace, owner.name)] : [];
    return deployments
      .list(namespace)
      .filter(({ spec }) => selectorFromLabelSelector(spec.selector).matches(labels))
      .map(keyOf);
  };
  // A change of status wakes an owner only; adopters care for labels.
  const when = (old: ReplicaSet, replicaSet: ReplicaSet): boolean =>
    controllerOf(replicaSet) !== undefined ||
    controllerOf(old) !== undefined ||
    !deepEqual(old.metadata.labels, replicaSet.metadata.labels);
  return watch(replicaSets, concerned, { when });
}

/** A Deployment that recreates waits for its last old pod to end: no ReplicaSet's status tells of that. */
function watchLastPods(
  pods: Informer<Pod>,
  deployments: Informer<Deployment>,
  replicaSets: Informer<ReplicaSet>,
): ControllerWatch {
  return (enqueue) =>
    pods.addHandler({
      deleted: (pod) => {
        const { namespace } = pod.metadata;
        const replicaSet = replicaSets.get(controllerOf(pod)?.name ?? "", namespace);
        const owner = replicaSet === undefined ? undefined : controllerOf(replicaSet);
        const deployment = deployments.get(owner?.name ?? "", namespace);
        if (deployment !== undefined && !isRollingUpdate(deployment)) enqueue(keyOf(deployment));
      },
    });
}
