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

interface Zone {
  nodes: number;
  unready: number;
}

/** How many nodes of each zone are not ready, counted as nodes change: asked for every node, every few seconds. */
export class ZoneHealth {
  readonly #zones = new Map<string, Zone>();
  /** How each node was counted. */
  readonly #counted = new Map<string, { readonly zone: string; readonly ready: boolean }>();
  #ready = 0;

  /** Counts a node, or what has become of it. */
  set(node: Node): void {
    this.delete(node);
    const counted = { zone: zoneOf(node), ready: readiness(node) === "True" };
    this.#counted.set(node.metadata.name ?? "", counted);
    this.#count(counted, 1);
  }

  delete({ metadata: { name = "" } }: Node): void {
    const counted = this.#counted.get(name);
    if (counted === undefined) return;
    this.#counted.delete(name);
    this.#count(counted, -1);
  }

  /**
   * Whether pods may be evicted from nodes that are not ready in the node's zone. When no node at all is ready, it is
   * the control plane that is cut off.
   */
  mayEvict(node: Node): boolean {
    if (this.#ready === 0) return false;
    const { nodes, unready } = this.#zones.get(zoneOf(node)) ?? { nodes: 0, unready: 0 };
    const partial = unready > 2 && unready < nodes && unready / nodes >= unhealthyShare;
    return !partial || nodes > largeZone;
  }

  #count({ zone: name, ready }: { zone: string; ready: boolean }, by: 1 | -1): void {
    const zone = this.#zones.get(name) ?? { nodes: 0, unready: 0 };
    zone.nodes += by;
    if (ready) this.#ready += by;
    else zone.unready += by;
    if (zone.nodes === 0) this.#zones.delete(name);
    else this.#zones.set(name, zone);
  }
}

const zoneOf = ({ metadata }: Node): string =>
  `${metadata.labels?.["topology.kubernetes.io/region"] ?? ""} ${metadata.labels?.["topology.kubernetes.io/zone"] ?? ""}`;
