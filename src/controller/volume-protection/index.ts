import type { Pod } from "../../api/types/core-v1.ts";
import { isBeingDeleted, type KubernetesObject, keyOf, splitKey } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { ResourceReference } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { watch } from "../watch.ts";

/**
 * A claim in use by a pod, and a volume bound to a claim, are not deleted under their users: a finalizer, set at
 * admission, is taken off once nobody uses them. Keys are `claim NAMESPACE/NAME` and `volume NAME`.
 */
export const volumeProtectionController: ControllerRegistration = {
  name: "persistentvolumeclaim-protection-controller",
  setup(context) {
    const claims = context.informers.informer(resources.persistentvolumeclaims);
    const volumes = context.informers.informer(resources.persistentvolumes);
    const pods = context.informers.informer(resources.pods);
    return {
      watches: [
        watch(claims, (claim) => (isBeingDeleted(claim) ? [`claim ${keyOf(claim)}`] : [])),
        watch(volumes, (volume) => (isBeingDeleted(volume) ? [`volume ${volume.metadata.name}`] : [])),
        watch(pods, (pod) => claimsOf(pod).map((name) => `claim ${pod.metadata.namespace}/${name}`)),
      ],
      async reconcile(key) {
        const [what, name = ""] = key.split(" ");
        if (what === "volume") {
          const volume = volumes.get(name);
          if (volume === undefined || !isBeingDeleted(volume) || volume.status?.phase === "Bound") return;
          await removeFinalizer(context, resources.persistentvolumes, volume, "kubernetes.io/pv-protection");
          return;
        }
        const claim = claims.getByKey(name);
        if (claim === undefined || !isBeingDeleted(claim)) return;
        const { namespace, name: claimName } = splitKey(name);
        const users = pods
          .list(namespace)
          .filter((pod) => !hasEnded(pod) && claimsOf(pod).includes(claimName));
        if (users.length > 0) return;
        await removeFinalizer(
          context,
          resources.persistentvolumeclaims,
          claim,
          "kubernetes.io/pvc-protection",
        );
      },
    };
  },
};

/** The claims that a pod names, also those made for its ephemeral volumes. */
function claimsOf(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata.name}-${volume.name}`];
  });
}

const hasEnded = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

async function removeFinalizer<T extends KubernetesObject>(
  context: ControllerContext,
  reference: ResourceReference<T>,
  object: T,
  finalizer: string,
): Promise<void> {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(finalizer)) return;
  try {
    await context.client.resource(reference).update({
      ...object,
      metadata: { ...object.metadata, finalizers: finalizers.filter((name) => name !== finalizer) },
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
