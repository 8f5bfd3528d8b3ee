import type { PersistentVolumeClaim, Pod, Volume } from "../../api/types/core-v1.ts";
import { controllerOf, isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isAlreadyExists } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueOwner, watch } from "../watch.ts";

/** Makes the claims of pods' generic ephemeral volumes; they belong to their pod and go with it. */
export const ephemeralVolumeController: ControllerRegistration = {
  name: "ephemeral-volume-controller",
  setup(context) {
    const pods = context.informers.informer(resources.pods);
    const claims = context.informers.informer(resources.persistentvolumeclaims);
    return {
      watches: [
        watch(pods, (pod) => (ephemeralVolumes(pod).length > 0 && !isBeingDeleted(pod) ? [keyOf(pod)] : []), {
          // Volumes of a pod never change: it is enough to have seen it once.
          when: () => false,
        }),
        watch(claims, enqueueOwner("Pod"), { when: () => false }),
      ],
      async reconcile(key) {
        const pod = pods.getByKey(key);
        if (pod === undefined || isBeingDeleted(pod)) return;
        for (const volume of ephemeralVolumes(pod)) {
          const claim = claimFor(pod, volume);
          const { name = "", namespace } = claim.metadata;
          const present = claims.get(name, namespace);
          if (present === undefined) {
            await create(claim);
          } else if (controllerOf(present)?.uid !== pod.metadata.uid) {
            // The pod waits until that claim is gone, whose end wakes nobody here: it is retried.
            throw new Error(`PVC ${namespace}/${name} was not created for pod ${key} (pod is not owner)`);
          }
        }
      },
    };

    async function create(claim: PersistentVolumeClaim): Promise<void> {
      try {
        await context.client.resource(resources.persistentvolumeclaims).create(claim);
      } catch (error) {
        // Made before the cache knew; whose it is shows at the retry.
        if (!isAlreadyExists(error)) throw error;
      }
    }
  },
};

const ephemeralVolumes = ({ spec }: Pod): readonly Volume[] =>
  (spec.volumes ?? []).filter(({ ephemeral }) => ephemeral?.volumeClaimTemplate !== undefined);

function claimFor(pod: Pod, { name, ephemeral }: Volume): PersistentVolumeClaim {
  const { metadata, spec } = ephemeral?.volumeClaimTemplate ?? { spec: {} };
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: `${pod.metadata.name}-${name}`,
      namespace: pod.metadata.namespace ?? "",
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "Pod",
          name: pod.metadata.name ?? "",
          uid: pod.metadata.uid ?? "",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec,
  };
}
