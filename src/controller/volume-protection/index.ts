import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import { controllerOf, isBeingDeleted } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { addFinalizer, hasFinalizer, removeFinalizer } from "../finalizers.ts";
import { enqueueSelf, watch } from "../watch.ts";

/** A claim that a pod uses is not deleted under it: a finalizer stays on until no pod does. */
export const claimProtectionController: ControllerRegistration = {
  name: "persistentvolumeclaim-protection-controller",
  setup(context) {
    const finalizer = "kubernetes.io/pvc-protection";
    const claims = context.informers.informer(resources.persistentvolumeclaims);
    const pods = context.informers.informer(resources.pods);
    pods.addIndex("claim", (pod) => claimsOf(pod).map((name) => `${pod.metadata.namespace}/${name}`));
    return {
      watches: [
        watch(claims, enqueueSelf),
        watch(pods, (pod) => claimsOf(pod).map((name) => `${pod.metadata.namespace}/${name}`)),
      ],
      async reconcile(key) {
        const claim = claims.getByKey(key);
        if (claim === undefined) return;
        if (!isBeingDeleted(claim))
          return await addFinalizer(context, resources.persistentvolumeclaims, claim, finalizer);
        if (!hasFinalizer(claim, finalizer)) return;
        if (pods.byIndex("claim", key).some((pod) => uses(pod, claim))) return;
        // A pod that the cache has not seen yet would lose its data.
        const { namespace } = claim.metadata;
        const live = await context.client.resource(resources.pods).list({ namespace });
        if (live.items.some((pod) => uses(pod, claim))) return;
        await removeFinalizer(context, resources.persistentvolumeclaims, claim, finalizer);
      },
    };
  },
};

/** A volume that is bound to a claim is not deleted under it. */
export const volumeProtectionController: ControllerRegistration = {
  name: "persistentvolume-protection-controller",
  setup(context) {
    const finalizer = "kubernetes.io/pv-protection";
    const volumes = context.informers.informer(resources.persistentvolumes);
    return {
      watches: [watch(volumes, enqueueSelf)],
      async reconcile(name) {
        const volume = volumes.get(name);
        if (volume === undefined) return;
        if (!isBeingDeleted(volume))
          await addFinalizer(context, resources.persistentvolumes, volume, finalizer);
        else if (volume.status?.phase !== "Bound")
          await removeFinalizer(context, resources.persistentvolumes, volume, finalizer);
      },
    };
  },
};

/** A class of volume attributes that a claim or a volume has, or is to get, is not deleted. */
export const attributesClassProtectionController: ControllerRegistration = {
  name: "volumeattributesclass-protection-controller",
  setup(context) {
    const finalizer = "kubernetes.io/vac-protection";
    const classes = context.informers.informer(resources.volumeattributesclasses);
    const claims = context.informers.informer(resources.persistentvolumeclaims);
    const volumes = context.informers.informer(resources.persistentvolumes);
    claims.addIndex("class", attributesClassesOf);
    volumes.addIndex("class", attributesClassOf);
    return {
      watches: [
        watch(classes, enqueueSelf),
        watch(claims, attributesClassesOf),
        watch(volumes, attributesClassOf),
      ],
      async reconcile(name) {
        const attributesClass = classes.get(name);
        if (attributesClass === undefined) return;
        const reference = resources.volumeattributesclasses;
        if (!isBeingDeleted(attributesClass)) {
          await addFinalizer(context, reference, attributesClass, finalizer);
          return;
        }
        if (claims.byIndex("class", name).length > 0 || volumes.byIndex("class", name).length > 0) return;
        await removeFinalizer(context, reference, attributesClass, finalizer);
      },
    };
  },
};

/** The class that a claim asks for, the one it has, and the one it is on the way to. */
function attributesClassesOf({ spec, status }: PersistentVolumeClaim): string[] {
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.filter((name) => name !== undefined))].filter((name) => name !== "");
}

function attributesClassOf({ spec }: PersistentVolume): string[] {
  const name = spec?.volumeAttributesClassName ?? "";
  return name === "" ? [] : [name];
}

/** The claims that a pod names, also those made for its ephemeral volumes. */
function claimsOf(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata.name}-${volume.name}`];
  });
}

/** The kubelet is done with it, or somebody gave up on it: what keeps it are finalizers. */
const isShutDown = ({ metadata }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;

const belongsTo = (claim: PersistentVolumeClaim, pod: Pod): boolean =>
  claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid) === true;

/**
 * Only a pod that has a node can use a claim: a kubelet starts no pod whose claim is being deleted. One that has ended
 * still counts as a user; one that is shut down does not use the claims that go with it, for it may wait for just those.
 * (Kubernetes says so of ephemeral volumes alone, and with the others both would stay.)
 */
function uses(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if ((pod.spec.nodeName ?? "") === "") return false;
  if (isShutDown(pod) && belongsTo(claim, pod)) return false;
  return (pod.spec.volumes ?? []).some(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim?.claimName === claim.metadata.name) return true;
    return (
      ephemeral !== undefined &&
      `${pod.metadata.name}-${name}` === claim.metadata.name &&
      controllerOf(claim)?.uid === pod.metadata.uid
    );
  });
}
