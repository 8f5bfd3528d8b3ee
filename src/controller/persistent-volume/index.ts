import { keyOf } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { watch } from "../watch.ts";
import { classOf, leavesClassOpen } from "./matching.ts";
import { PersistentVolumeReconciler } from "./reconciler.ts";

/** Binds PersistentVolumeClaims and PersistentVolumes to each other. */
export const persistentVolumeController: ControllerRegistration = {
  name: "persistentvolume-binder-controller",
  setup(context) {
    const reconciler = new PersistentVolumeReconciler(context);
    const claims = context.informers.informer(resources.persistentvolumeclaims);
    const unbound = (): string[] =>
      claims.list().flatMap((claim) => (claim.status?.phase === "Bound" ? [] : [`claim ${keyOf(claim)}`]));
    return {
      workers: 2,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        watch(claims, (claim) => [
          `claim ${keyOf(claim)}`,
          ...(claim.spec.volumeName === undefined ? [] : [`volume ${claim.spec.volumeName}`]),
        ]),
        watch(context.informers.informer(resources.persistentvolumes), (volume) => [
          `volume ${volume.metadata.name}`,
          ...(volume.spec.claimRef === undefined
            ? unbound()
            : [`claim ${volume.spec.claimRef.namespace}/${volume.spec.claimRef.name}`]),
        ]),
        watch(context.informers.informer(resources.storageclasses), ({ metadata }) =>
          claims
            .list()
            .filter(
              (claim) =>
                (classOf(claim) === metadata.name || leavesClassOpen(claim)) &&
                claim.status?.phase !== "Bound",
            )
            .map((claim) => `claim ${keyOf(claim)}`),
        ),
      ],
    };
  },
};
