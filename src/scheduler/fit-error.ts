import type { Rejection } from "./framework.ts";

/** Why no node took a pod, in Kubernetes' words. */
export interface Diagnosis {
  readonly nodeCount: number;
  /** By node name. Nodes that are absent were not asked, or excluded by `absent`. */
  readonly rejections: ReadonlyMap<string, Rejection>;
  /** What counts for nodes without a rejection of their own. */
  readonly absent: readonly string[];
  /** Set when the pod itself was refused, before any node was looked at. */
  readonly preFilterMessage?: string;
  /** The plugins that refused. */
  readonly plugins: ReadonlySet<string>;
}

/** "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: …" */
export function fitMessage(diagnosis: Diagnosis, postFilterMessage = ""): string {
  let message = `0/${diagnosis.nodeCount} nodes are available:`;
  if (diagnosis.preFilterMessage === undefined) {
    const reasons = reasonCounts(diagnosis);
    if (reasons.length > 0) message += ` ${reasons.join(", ")}.`;
  } else {
    message += ` ${diagnosis.preFilterMessage}.`;
  }
  return postFilterMessage === "" ? message : `${message} ${postFilterMessage}`;
}

/** "2 Insufficient cpu" …, sorted as strings. */
function reasonCounts({ rejections, absent, nodeCount }: Diagnosis): string[] {
  const counts = new Map<string, number>();
  for (const { reasons } of rejections.values()) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const others = nodeCount - rejections.size;
  if (others > 0) for (const reason of absent) counts.set(reason, (counts.get(reason) ?? 0) + others);
  return [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
}
