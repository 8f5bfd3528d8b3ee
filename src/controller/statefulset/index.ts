import type { StatefulSet } from "../../api/types/apps-v1.ts";
import type { PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import { keyOf } from "../../apimachinery/object.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration, ControllerWatch } from "../controller.ts";
import { StatefulSetReconciler } from "./reconciler.ts";

/** Keeps the pods of StatefulSets, with their names and claims. */
export const statefulSetController: ControllerRegistration = {
  name: "statefulset-controller",
  setup(context) {
    const reconciler = new StatefulSetReconciler(context);
    const sets = context.informers.informer(resources.statefulsets);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        ...reconciler.watches(),
        watchClaimsGone(context.informers.informer(resources.persistentvolumeclaims), sets),
      ],
    };
  },
};

/** A pod may wait for the claim of its predecessor to go. */
function watchClaimsGone(
  claims: Informer<PersistentVolumeClaim>,
  sets: Informer<StatefulSet>,
): ControllerWatch {
  const isOf = (name: string, { metadata, spec }: StatefulSet): boolean =>
    (spec.volumeClaimTemplates ?? []).some((template) =>
      name.startsWith(`${template.metadata.name}-${metadata.name}-`),
    );
  return (enqueue) =>
    claims.addHandler({
      deleted: ({ metadata }) => {
        for (const set of sets.list(metadata.namespace))
          if (isOf(metadata.name ?? "", set)) enqueue(keyOf(set));
      },
    });
}
