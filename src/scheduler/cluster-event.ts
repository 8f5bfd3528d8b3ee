import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from "../api/types/core-v1.ts";
import type { StorageClass } from "../api/types/storage-v1.ts";

/** What happened in the cluster that may let waiting pods through. */
export type ClusterEvent =
  | { readonly type: "nodeAdded"; readonly node: Node }
  /** `changed` names what matters for scheduling; an update of nothing of it is no event. */
  | { readonly type: "nodeUpdated"; readonly node: Node; readonly changed: ReadonlySet<NodeAspect> }
  | { readonly type: "podAssigned"; readonly pod: Pod }
  | { readonly type: "podRelabeled"; readonly pod: Pod }
  /** A pod on a node was deleted, has finished, or asks for less. */
  | { readonly type: "podGone"; readonly pod: Pod }
  | { readonly type: "claimChanged"; readonly claim: PersistentVolumeClaim }
  | { readonly type: "volumeChanged"; readonly volume: PersistentVolume }
  | { readonly type: "storageClassChanged"; readonly storageClass: StorageClass }
  | { readonly type: "namespaceRelabeled"; readonly namespace: string };

export type NodeAspect = "allocatable" | "labels" | "taints" | "unschedulable";

/** True when a node is new or changed in one of the aspects. */
export function nodeChanged(event: ClusterEvent, ...aspects: readonly NodeAspect[]): boolean {
  if (event.type === "nodeAdded") return true;
  return event.type === "nodeUpdated" && aspects.some((aspect) => event.changed.has(aspect));
}
