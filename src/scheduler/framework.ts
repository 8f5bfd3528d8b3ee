import type { ClusterEvent } from "./cluster-event.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";

/**
 * The scheduling framework: `plugins/index.ts` lists the plugins, `algorithm.ts` runs them. A cycle for one pod is
 * synchronous, so plugins read the cluster's state directly and nothing changes under them.
 *
 * Order of a cycle: preFilter of every plugin → filter of each candidate node → preScore and score of the nodes that
 * remain → reserve on the chosen node → (asynchronously) preBind → binding. When no node remains: preemption.
 *
 * Mirrors k8s.io/kube-scheduler/framework, with functions in place of its cycle state.
 */
export interface Plugin {
  readonly name: string;
  /** How much its score counts. Default 1. */
  readonly weight?: number;
  /** Looks at the pod once per cycle. Undefined: the plugin has no say about this pod. */
  preFilter?(pod: PodInfo): PreFilterResult | undefined;
  /** Undefined: all nodes are the same to the plugin. */
  preScore?(pod: PodInfo, nodes: readonly NodeInfo[]): Scorer | undefined;
  /** Holds what the pod needs beyond the node itself. */
  reserve?(pod: PodInfo, node: NodeInfo): Reservation | undefined;
  /** Whether the event may let a pod through that this plugin had rejected. */
  wakes?(event: ClusterEvent, pod: PodInfo): boolean;
}

export type PreFilterResult =
  /** No node can take the pod. */
  | { readonly rejection: Rejection }
  | {
      readonly filter?: NodeFilter;
      /** Only these nodes need to be looked at. */
      readonly nodeNames?: ReadonlySet<string>;
    };

export interface NodeFilter {
  /** Undefined: the pod may run there. */
  filter(node: NodeInfo): Rejection | undefined;
  /**
   * A copy whose state `addPod` and `removePod` may change, to ask what would be if pods came or went. Filters that
   * look at nothing but the node they are given have none of the three.
   */
  fork?(): NodeFilter;
  addPod?(pod: PodInfo, node: NodeInfo): void;
  removePod?(pod: PodInfo, node: NodeInfo): void;
}

/** Gives each node, in their order, a score from 0 to 100. */
export type Scorer = (nodes: readonly NodeInfo[]) => number[];

export interface Rejection {
  /** `unresolvable`: not even removing pods from the node would help. */
  readonly code: "unschedulable" | "unresolvable";
  readonly reasons: readonly string[];
}

export interface Reservation {
  /** Runs before the binding; may take long. Rejects when the pod cannot be bound to the node after all. */
  preBind(signal: AbortSignal): Promise<void>;
  /** Undoes the reservation after a failure. */
  cancel(): void;
}

export const scoreMax = 100;

export function unschedulable(...reasons: string[]): Rejection {
  return { code: "unschedulable", reasons };
}

export function unresolvable(...reasons: string[]): Rejection {
  return { code: "unresolvable", reasons };
}

/** Stretches scores to 0…100 by their maximum; `reverse` makes the smallest the best. */
export function normalize(scores: readonly number[], reverse = false): number[] {
  const max = scores.reduce((highest, score) => Math.max(highest, score), 0);
  if (max === 0) return scores.map(() => (reverse ? scoreMax : 0));
  return scores.map((score) => {
    const scaled = Math.trunc((scoreMax * score) / max);
    return reverse ? scoreMax - scaled : scaled;
  });
}
