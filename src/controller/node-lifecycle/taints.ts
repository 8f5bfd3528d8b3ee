import type { Node, Taint } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { findCondition } from "../../apimachinery/conditions.ts";
import { readiness } from "./health.ts";

const unreachable = "node.kubernetes.io/unreachable";
const notReady = "node.kubernetes.io/not-ready";
const unschedulable = "node.kubernetes.io/unschedulable";

/** Conditions that become taints against scheduling: condition → status → taint. */
const taintOf: readonly (readonly [condition: string, status: string, key: string])[] = [
  ["Ready", "False", notReady],
  ["Ready", "Unknown", unreachable],
  ["MemoryPressure", "True", "node.kubernetes.io/memory-pressure"],
  ["DiskPressure", "True", "node.kubernetes.io/disk-pressure"],
  ["NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"],
  ["PIDPressure", "True", "node.kubernetes.io/pid-pressure"],
];

/** The taints that follow from a node's state, as `effect key`. */
const derived = new Set([
  ...taintOf.map(([, , key]) => `NoSchedule ${key}`),
  `NoSchedule ${unschedulable}`,
  `NoExecute ${notReady}`,
  `NoExecute ${unreachable}`,
]);

const idOf = ({ key, effect }: Taint): string => `${effect} ${key}`;

/** The taints that the node should have; the same list when it has them. Those set by others stay. */
export function taintsFor(node: Node, evicts: boolean, nowMs: number): readonly Taint[] {
  const current = node.spec.taints ?? [];
  const wanted = new Set(wantedTaints(node, evicts));
  const kept = current.filter((taint) => !derived.has(idOf(taint)) || wanted.has(idOf(taint)));
  const present = new Set(kept.map(idOf));
  const added = [...wanted]
    .filter((id) => !present.has(id))
    .map((id) => {
      const [effect = "", key = ""] = id.split(" ");
      return { key, effect, timeAdded: formatTime(nowMs) };
    });
  return kept.length === current.length && added.length === 0 ? current : [...kept, ...added];
}

function wantedTaints(node: Node, evicts: boolean): string[] {
  const ids = taintOf
    .filter(([type, status]) => findCondition(node.status?.conditions, type)?.status === status)
    .map(([, , key]) => `NoSchedule ${key}`);
  if (node.spec.unschedulable === true) ids.push(`NoSchedule ${unschedulable}`);
  if (evicts && readiness(node) === "False") ids.push(`NoExecute ${notReady}`);
  if (evicts && readiness(node) === "Unknown") ids.push(`NoExecute ${unreachable}`);
  return ids;
}
