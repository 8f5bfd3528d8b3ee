import type { Node, NodeCondition, NodeStatus } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { findCondition } from "../../apimachinery/conditions.ts";

/** What a kubelet reports and nobody vouches for once it is silent. */
const reported = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/** The status of a node whose kubelet is silent: nothing is known any more, or never was. */
export function unknownStatus({ metadata, status }: Node, nowMs: number): NodeStatus {
  const time = formatTime(nowMs);
  let conditions = status?.conditions ?? [];
  for (const type of reported) {
    const before = findCondition(conditions, type);
    if (before?.status === "Unknown") continue;
    const unknown: NodeCondition = {
      ...before,
      type,
      status: "Unknown",
      reason: before === undefined ? "NodeStatusNeverUpdated" : "NodeStatusUnknown",
      message:
        before === undefined ? "Kubelet never posted node status." : "Kubelet stopped posting node status.",
      lastHeartbeatTime: before?.lastHeartbeatTime ?? metadata.creationTimestamp,
      lastTransitionTime: time,
    };
    conditions =
      before === undefined
        ? [...conditions, unknown]
        : conditions.map((condition) => (condition === before ? unknown : condition));
  }
  return { ...status, conditions };
}

export const readiness = ({ status }: Node): string | undefined =>
  findCondition(status?.conditions, "Ready")?.status;

/** Enough of a zone's nodes are not ready that the zone, not they, must be at fault (`--unhealthy-zone-threshold`). */
const unhealthyShare = 0.55;
/** In a zone of more nodes evictions go on all the same (`--large-cluster-size-threshold`). */
const largeZone = 50;

/**
 * Whether pods may be evicted from nodes that are not ready in the node's zone. When no node at all is ready, it is
 * the control plane that is cut off.
 */
export function mayEvict(node: Node, nodes: readonly Node[]): boolean {
  if (nodes.every((other) => readiness(other) !== "True")) return false;
  const zone = nodes.filter((other) => zoneOf(other) === zoneOf(node));
  const unready = zone.filter((other) => readiness(other) !== "True").length;
  const partial = unready > 2 && unready < zone.length && unready / zone.length >= unhealthyShare;
  return !partial || zone.length > largeZone;
}

const zoneOf = ({ metadata }: Node): string =>
  `${metadata.labels?.["topology.kubernetes.io/region"] ?? ""} ${metadata.labels?.["topology.kubernetes.io/zone"] ?? ""}`;
