import type { PersistentVolumeClaim, Volume } from "../../api/types/core-v1.ts";
import type { Lister } from "../../client/informer.ts";
import type { ClusterState } from "../cluster-state.ts";
import { type Plugin, type Rejection, unschedulable } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import type { PodInfo } from "../pod-info.ts";

const claimInUse = unschedulable(
  "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
);
const diskConflict = unschedulable("node(s) had no available disk");

/** A claim that admits one pod only, and disks that cannot be mounted twice on one node. */
export function volumeRestrictions(cluster: ClusterState, claims: Lister<PersistentVolumeClaim>): Plugin {
  /** Claims of the pod that admit one pod only, as `namespace/name`. */
  function exclusiveClaims(pod: PodInfo): string[] {
    return pod.claims
      .filter(({ name }) => {
        const modes = claims.get(name, pod.namespace)?.spec.accessModes ?? [];
        return modes.includes("ReadWriteOncePod");
      })
      .map(({ name }) => `${pod.namespace}/${name}`);
  }
  return {
    name: "VolumeRestrictions",
    preFilter(pod) {
      const disks = (pod.spec.volumes ?? []).flatMap(diskOf);
      const exclusive = exclusiveClaims(pod);
      if (disks.length + exclusive.length === 0) return undefined;
      // Wherever the claim is in use, no other node can take the pod either.
      let uses = 0;
      if (exclusive.length > 0) for (const node of cluster.nodes()) uses += usesOf(node, exclusive);
      return { filter: new RestrictionFilter(disks, exclusive, uses) };
    },
    wakes: (event, pod) =>
      event.type === "podGone" ||
      event.type === "nodeAdded" ||
      (event.type === "claimChanged" && pod.claims.some(({ name }) => name === event.claim.metadata.name)),
  };
}

class RestrictionFilter {
  readonly #disks: readonly Disk[];
  readonly #exclusive: readonly string[];
  #uses: number;

  constructor(disks: readonly Disk[], exclusive: readonly string[], uses: number) {
    this.#disks = disks;
    this.#exclusive = exclusive;
    this.#uses = uses;
  }

  filter(node: NodeInfo): Rejection | undefined {
    if (this.#disks.length > 0) {
      for (const pod of node.pods.values()) {
        const used = (pod.spec.volumes ?? []).flatMap(diskOf);
        if (this.#disks.some((disk) => used.some((other) => conflicts(disk, other)))) return diskConflict;
      }
    }
    return this.#uses > 0 ? claimInUse : undefined;
  }

  fork(): RestrictionFilter {
    return new RestrictionFilter(this.#disks, this.#exclusive, this.#uses);
  }

  addPod(pod: PodInfo): void {
    this.#uses += usesBy(pod, this.#exclusive);
  }

  removePod(pod: PodInfo): void {
    this.#uses -= usesBy(pod, this.#exclusive);
  }
}

function usesOf(node: NodeInfo, claims: readonly string[]): number {
  return claims.reduce((sum, claim) => sum + (node.claimUses.get(claim) ?? 0), 0);
}

function usesBy(pod: PodInfo, claims: readonly string[]): number {
  return pod.claims.filter(({ name }) => claims.includes(`${pod.namespace}/${name}`)).length;
}

interface Disk {
  readonly id: string;
  readonly readOnly: boolean;
}

function diskOf({ gcePersistentDisk, awsElasticBlockStore, iscsi }: Volume): Disk[] {
  if (gcePersistentDisk !== undefined) {
    return [{ id: `gce ${gcePersistentDisk.pdName}`, readOnly: gcePersistentDisk.readOnly === true }];
  }
  // An EBS volume is attached once, even for reading.
  if (awsElasticBlockStore !== undefined)
    return [{ id: `aws ${awsElasticBlockStore.volumeID}`, readOnly: false }];
  if (iscsi !== undefined) return [{ id: `iscsi ${iscsi.iqn}`, readOnly: iscsi.readOnly === true }];
  return [];
}

function conflicts(a: Disk, b: Disk): boolean {
  return a.id === b.id && !(a.readOnly && b.readOnly);
}
