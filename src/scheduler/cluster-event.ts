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
  | { readonly type: "claimChanged"; readonly isNew: boolean; readonly claim: PersistentVolumeClaim }
  | { readonly type: "volumeChanged"; readonly isNew: boolean; readonly volume: PersistentVolume }
  | { readonly type: "storageClassChanged"; readonly isNew: boolean; readonly storageClass: StorageClass }
  | { readonly type: "namespaceRelabeled"; readonly namespace: string };

export type NodeAspect = "allocatable" | "labels" | "taints" | "unschedulable";

/** True when a node is new or changed in one of the aspects. */
export function nodeChanged(event: ClusterEvent, ...aspects: readonly NodeAspect[]): boolean {
  if (event.type === "nodeAdded") return true;
  return event.type === "nodeUpdated" && aspects.some((aspect) => event.changed.has(aspect));
}

/** The event as kube-scheduler calls it: the resource, then what happened to it. */
export function eventLabel(event: ClusterEvent): string {
  switch (event.type) {
    case "nodeAdded":
      return "NodeAdd";
    case "nodeUpdated":
      return `NodeUpdateNode${nodeAspectLabel(event.changed)}`;
    case "podAssigned":
      return "AssignedPodAdd";
    case "podRelabeled":
      return "AssignedPodUpdatePodLabel";
    case "podGone":
      return "AssignedPodDelete";
    case "claimChanged":
      return `PersistentVolumeClaim${event.isNew ? "Add" : "Update"}`;
    case "volumeChanged":
      return `PersistentVolume${event.isNew ? "Add" : "Update"}`;
    case "storageClassChanged":
      return `storage.k8s.io/StorageClass${event.isNew ? "Add" : "Update"}`;
    case "namespaceRelabeled":
      return "NamespaceUpdate";
  }
}

/** Where several aspects changed at once, the first in kube-scheduler's order names the event. */
function nodeAspectLabel(changed: ReadonlySet<NodeAspect>): string {
  if (changed.has("unschedulable")) return "Taint";
  if (changed.has("allocatable")) return "Allocatable";
  return changed.has("labels") ? "Label" : "Taint";
}
