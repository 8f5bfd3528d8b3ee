import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { classOf, waitsForConsumer } from "../persistent-volume/matching.ts";
import {
  provisionedBy,
  provisionerAnnotation,
  selectedNodeAnnotation,
} from "../persistent-volume/reconciler.ts";
import { bindCompleted } from "../persistent-volume/writer.ts";
import { watch } from "../watch.ts";

/** What StorageClasses of local volumes name as their provisioner. */
export const localProvisioner = "sampan.dev/local";

/** The folders behind local volumes, on the node. */
export interface LocalVolumes {
  /** Makes the volume's folder if it is missing; answers its path. */
  create(volume: string): Promise<string>;
  /** Removes the folder and all in it. A folder that is gone already is success. */
  remove(volume: string): Promise<void>;
  /** The node that has the folders; where it is asked for them on no node in particular, they are made for this one. */
  readonly nodeName: string;
  /** True when other nodes have such folders too, as nodes that pretend have. */
  readonly everywhere?: boolean;
}

/** Makes a volume for each claim that waits for `sampan.dev/local`, and removes its data when the claim has gone. */
export function localProvisionerController(volumes: LocalVolumes): ControllerRegistration {
  return {
    name: "local-provisioner-controller",
    setup(context) {
      const claims = context.informers.informer(resources.persistentvolumeclaims);
      const persistentVolumes = context.informers.informer(resources.persistentvolumes);
      context.informers.informer(resources.storageclasses);
      return {
        workers: 2,
        watches: [
          watch(claims, (claim) => [`claim ${keyOf(claim)}`]),
          watch(persistentVolumes, ({ metadata }) => [`volume ${metadata.name}`]),
        ],
        async reconcile(key) {
          const [what, name = ""] = key.split(" ");
          if (what === "claim") await provision(context, volumes, claims.getByKey(name));
          else await reclaim(context, volumes, persistentVolumes.get(name));
        },
      };
    },
  };
}

async function provision(
  context: ControllerContext,
  volumes: LocalVolumes,
  claim: PersistentVolumeClaim | undefined,
): Promise<void> {
  if (claim === undefined || isBeingDeleted(claim) || (claim.spec.volumeName ?? "") !== "") return;
  if (claim.metadata.annotations?.[provisionerAnnotation] !== localProvisioner) return;
  if (claim.metadata.annotations[bindCompleted] !== undefined) return;
  const storageClass = context.informers.informer(resources.storageclasses).get(classOf(claim));
  if (storageClass === undefined) return;
  const node = claim.metadata.annotations[selectedNodeAnnotation];
  if (waitsForConsumer(storageClass) && node === undefined) return;
  if (node !== undefined && !isOn(volumes, node)) return;
  const refusal = refusalOf(claim);
  if (refusal !== undefined) {
    context.events.event(claim, "Warning", "ProvisioningFailed", refusal);
    return;
  }
  const name = `pvc-${claim.metadata.uid}`;
  // Made in an earlier pass: the claim has yet to be bound to it.
  if (context.informers.informer(resources.persistentvolumes).get(name) !== undefined) return;
  const { events } = context;
  events.event(
    claim,
    "Normal",
    "Provisioning",
    `External provisioner is provisioning volume for claim "${keyOf(claim)}"`,
  );
  const path = await volumes.create(name);
  try {
    await context.client.resource(resources.persistentvolumes).create({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name, annotations: { [provisionedBy]: localProvisioner } },
      spec: {
        capacity: { storage: claim.spec.resources?.requests?.["storage"] ?? "0" },
        accessModes: claim.spec.accessModes,
        volumeMode: "Filesystem",
        persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
        storageClassName: classOf(claim),
        mountOptions: storageClass.mountOptions,
        claimRef: {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          namespace: claim.metadata.namespace,
          name: claim.metadata.name,
          uid: claim.metadata.uid,
          resourceVersion: claim.metadata.resourceVersion,
        },
        hostPath: { path, type: "DirectoryOrCreate" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              {
                matchExpressions: [
                  { key: "kubernetes.io/hostname", operator: "In", values: [node ?? volumes.nodeName] },
                ],
              },
            ],
          },
        },
      },
    });
  } catch (error) {
    if (isAlreadyExists(error)) return;
    throw error;
  }
  events.event(claim, "Normal", "ProvisioningSucceeded", `Successfully provisioned volume ${name}`);
}

const isOn = ({ nodeName, everywhere = false }: LocalVolumes, node: string): boolean =>
  everywhere || node === nodeName;

/** The node that a volume of ours is on. */
const nodeOf = ({ spec }: PersistentVolume): string =>
  spec.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values?.[0] ?? "";

/** Folders are shared by the pods of one node, so every mode is honoured there. */
function refusalOf(claim: PersistentVolumeClaim): string | undefined {
  if (claim.spec.volumeMode === "Block")
    return `${localProvisioner} makes no block volumes: use volumeMode Filesystem`;
  if (claim.spec.selector !== undefined)
    return `${localProvisioner} cannot honour a selector: claims with one need a volume made by hand`;
  if (claim.spec.dataSource !== undefined || claim.spec.dataSourceRef !== undefined) {
    return `${localProvisioner} cannot fill a volume from a data source`;
  }
  return undefined;
}

async function reclaim(
  { client }: ControllerContext,
  volumes: LocalVolumes,
  volume: PersistentVolume | undefined,
): Promise<void> {
  if (volume === undefined || !isToGo(volumes, volume)) return;
  const { name = "", uid = "" } = volume.metadata;
  const resource = client.resource(resources.persistentvolumes);
  try {
    // Data do not come back: somebody may have saved them, and the cache be behind.
    const live = await resource.get(name);
    if (live.metadata.uid !== uid || !isToGo(volumes, live)) return;
    await volumes.remove(name);
    await resource.delete(name, { preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Made here, released, and of no use to anybody any more. */
function isToGo(volumes: LocalVolumes, volume: PersistentVolume): boolean {
  const { metadata, spec, status } = volume;
  if (metadata.annotations?.[provisionedBy] !== localProvisioner) return false;
  if (spec.persistentVolumeReclaimPolicy !== "Delete" || status?.phase !== "Released") return false;
  return isOn(volumes, nodeOf(volume));
}
