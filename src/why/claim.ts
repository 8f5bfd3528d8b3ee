import type { PersistentVolume, PersistentVolumeClaim } from "../api/types/core-v1.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { fine, kubectl, type Reason, reason, some, stuck, subject, waiting } from "./reason.ts";

/** A claim waits for a volume: of its class, made for it, or there already. */
export async function whyClaim(claim: PersistentVolumeClaim, look: Look): Promise<Reason> {
  const { namespace = "", name = "" } = claim.metadata;
  const { phase = "Pending" } = claim.status ?? {};
  const { volumeName = "", storageClassName } = claim.spec ?? {};
  if (phase === "Bound") return fine(claim, `is bound to volume ${volumeName}`);
  if (phase === "Lost") {
    return stuck(claim, `has lost its volume: ${volumeName} does not exist any more, and its data with it`, {
      next: {
        says: "delete the claim and make it anew, or bring the volume back",
        command: kubectl({ namespace }, `delete persistentvolumeclaim ${name}`),
      },
    });
  }
  if (storageClassName !== undefined && storageClassName !== "" && volumeName === "") {
    const found = await look.get(resources.storageclasses, storageClassName);
    if (found === undefined && !look.isUnseen(resources.storageclasses))
      return await noClass(claim, storageClassName, look);
  }
  const [event] = await look.events(claim);
  const { reason: why = "", message = "" } = event ?? {};
  if (why === "WaitForFirstConsumer") {
    return waiting(claim, "waits until a pod uses it: then its volume is made where the pod runs");
  }
  if (why === "WaitForPodScheduled" || why === "ExternalProvisioning" || why === "Provisioning")
    return waiting(claim, `waits for its volume: ${message}`);
  if (volumeName !== "") return await ofVolume(claim, volumeName, look);
  if (why === "FailedBinding" && storageClassName === undefined) return await noDefaultClass(claim, look);
  if (why === "FailedBinding")
    return stuck(claim, "finds no volume that fits, and nobody makes one for it", {
      next: {
        says: "make a PersistentVolume that is large enough and has its access modes",
        command: "kubectl get persistentvolumes",
      },
    });
  if (event !== undefined && event.type === "Warning")
    return stuck(claim, `gets no volume: ${message}`, {
      next: {
        says: "correct the claim, or see what its provisioner says",
        command: kubectl({ namespace }, `describe persistentvolumeclaim ${name}`),
      },
    });
  return waiting(claim, "waits for its volume");
}

async function noClass(claim: PersistentVolumeClaim, name: string, look: Look): Promise<Reason> {
  const classes = (await look.list(resources.storageclasses)).map(({ metadata }) => metadata.name ?? "");
  return stuck(claim, "gets no volume: its storage class does not exist", {
    because: [
      reason(subject("storage.k8s.io/v1", "StorageClass", name), "stuck", "does not exist", {
        next: {
          says: `${classes.length === 0 ? "make the class" : `there is the class ${some(classes)}: make the claim anew with it`} (the class of a claim cannot be changed)`,
          command: kubectl(
            { namespace: claim.metadata.namespace ?? "" },
            `delete persistentvolumeclaim ${claim.metadata.name ?? ""}`,
          ),
        },
      }),
    ],
  });
}

async function noDefaultClass(claim: PersistentVolumeClaim, look: Look): Promise<Reason> {
  const classes = (await look.list(resources.storageclasses)).map(({ metadata }) => metadata.name ?? "");
  return stuck(claim, "names no storage class, and the cluster has no default one", {
    next:
      classes.length === 0
        ? { says: "make a PersistentVolume that fits it", command: "kubectl get persistentvolumes" }
        : {
            says: "make a class the default",
            command: `kubectl annotate storageclass ${classes[0] ?? ""} storageclass.kubernetes.io/is-default-class=true`,
          },
  });
}

async function ofVolume(claim: PersistentVolumeClaim, name: string, look: Look): Promise<Reason> {
  const volume = await look.get(resources.persistentvolumes, name);
  const { namespace = "", name: claimName = "" } = claim.metadata;
  if (volume === undefined)
    return stuck(claim, `wants the volume "${name}", which does not exist`, {
      next: {
        says: "make the volume, or make the claim without a volumeName",
        command: "kubectl get persistentvolumes",
      },
    });
  const { claimRef } = volume.spec ?? {};
  if (claimRef !== undefined && (claimRef.namespace !== namespace || claimRef.name !== claimName))
    return stuck(
      claim,
      `wants the volume "${name}", which belongs to the claim ${claimRef.namespace ?? ""}/${claimRef.name ?? ""}`,
      {
        next: { says: "name another volume", command: "kubectl get persistentvolumes" },
      },
    );
  return waiting(claim, `waits to be bound to the volume "${name}"`);
}

export function whyVolume(volume: PersistentVolume): Reason {
  const { name = "" } = volume.metadata;
  const { phase = "", message } = volume.status ?? {};
  const { claimRef } = volume.spec ?? {};
  const claim = `${claimRef?.namespace ?? ""}/${claimRef?.name ?? ""}`;
  if (phase === "Bound") return fine(volume, `is bound to the claim ${claim}`);
  if (phase === "Available") return fine(volume, "is free: no claim has it yet");
  if (phase === "Released") {
    return stuck(
      volume,
      `is not free: its claim ${claim} is gone, but its data is kept (persistentVolumeReclaimPolicy: ${volume.spec?.persistentVolumeReclaimPolicy ?? "Retain"})`,
      {
        next: {
          says: "when the data is no longer needed, let another claim have it",
          command: `kubectl patch persistentvolume ${name} --type json -p '[{"op":"remove","path":"/spec/claimRef"}]'`,
        },
      },
    );
  }
  if (phase === "Failed")
    return stuck(volume, `could not be cleaned up: ${message ?? ""}`, {
      next: { says: "see its events", command: `kubectl describe persistentvolume ${name}` },
    });
  return waiting(volume, "is new");
}
