import { stat } from "node:fs/promises";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import { checkHostPath } from "./host-path.ts";
import { type PlaceVolume, VolumeError, type VolumePlace, type VolumeRequest } from "./volume.ts";

/** A claim's volume: a path of this node, from a hostPath or local PersistentVolume. */
export const claimVolume: PlaceVolume = {
  plugin: "kubernetes.io~local-volume",
  setUp(request) {
    const { claimName = "", readOnly = false } = request.volume.persistentVolumeClaim ?? {};
    return setUpClaim(request, claimName, readOnly, () => undefined);
  },
};

/** A claim made for this pod alone, named after pod and volume. */
export const ephemeralVolume: PlaceVolume = {
  plugin: "kubernetes.io~local-volume",
  setUp(request) {
    const name = `${request.pod.metadata.name}-${request.volume.name}`;
    return setUpClaim(request, name, false, (claim) => foreignOwner(claim, request.pod));
  },
};

function foreignOwner(claim: PersistentVolumeClaim, pod: Pod): string | undefined {
  const owner = claim.metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner?.uid === pod.metadata.uid) return undefined;
  const { namespace, name } = claim.metadata;
  return `PVC ${namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
}

async function setUpClaim(
  { pod, sources }: VolumeRequest,
  claimName: string,
  readOnly: boolean,
  refuse: (claim: PersistentVolumeClaim) => string | undefined,
): Promise<VolumePlace> {
  const namespace = pod.metadata.namespace ?? "";
  const prefix = `error processing PVC ${namespace}/${claimName}: `;
  const claim = await sources.claim(namespace, claimName);
  if (claim === undefined) {
    throw new VolumeError(
      `${prefix}failed to fetch PVC from API server: persistentvolumeclaims "${claimName}" not found`,
    );
  }
  const refusal = refuse(claim);
  if (refusal !== undefined) throw new VolumeError(prefix + refusal);
  if (claim.metadata.deletionTimestamp !== undefined && !protectedClaim(claim)) {
    throw new VolumeError(`${prefix}PVC is being deleted`);
  }
  const volume = await sources.volume(claim.spec?.volumeName ?? "");
  if (claim.status?.phase !== "Bound" || volume === undefined)
    throw new VolumeError(`${prefix}PVC is not bound`);
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid) {
    throw new VolumeError(`${prefix}PV ${volume.metadata.name} is not bound to this claim`);
  }
  const onlyRead = readOnly || onlyReadable(claim);
  return { ...(await placeOf(volume)), readOnly: onlyRead, groupOwned: !onlyRead };
}

const protectedClaim = ({ metadata }: PersistentVolumeClaim): boolean =>
  metadata.finalizers?.includes("kubernetes.io/pvc-protection") ?? false;

function onlyReadable({ spec }: PersistentVolumeClaim): boolean {
  const modes = spec?.accessModes ?? [];
  return modes.length > 0 && modes.every((mode) => mode === "ReadOnlyMany");
}

/** Sources that would need a driver are refused by name. */
async function placeOf({ metadata, spec }: PersistentVolume): Promise<VolumePlace> {
  if (spec?.hostPath !== undefined) {
    await checkHostPath(spec.hostPath.path, spec.hostPath.type ?? "");
    return { hostPath: spec.hostPath.path };
  }
  if (spec?.local !== undefined) {
    const { path } = spec.local;
    if ((await stat(path).catch(() => undefined)) === undefined)
      throw new VolumeError(`path "${path}" does not exist`);
    return { hostPath: path };
  }
  const kind = Object.keys(spec ?? {}).find((key) => driverKinds.has(key)) ?? "unknown";
  throw new VolumeError(`PersistentVolume "${metadata.name}" of type ${kind} is not supported by this node`);
}

const driverKinds = new Set([
  "nfs",
  "csi",
  "iscsi",
  "fc",
  "rbd",
  "cephfs",
  "glusterfs",
  "cinder",
  "flexVolume",
  "flocker",
  "azureDisk",
  "azureFile",
  "awsElasticBlockStore",
  "gcePersistentDisk",
  "vsphereVolume",
  "photonPersistentDisk",
  "portworxVolume",
  "quobyte",
  "scaleIO",
  "storageos",
]); // prettier-ignore
