import type { TopologySpreadConstraint } from "../../api/types/core-v1.ts";
import type { Selector } from "../../apimachinery/labels.ts";
import { nodeChanged } from "../cluster-event.ts";
import { type ClusterState, zoneLabel } from "../cluster-state.ts";
import {
  type NodeFilter,
  type Plugin,
  type Rejection,
  scoreMax,
  unresolvable,
  unschedulable,
} from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import { type NodePredicate, requiredNodeAffinity, tolerates } from "../node-matching.ts";
import type { PodQuestion } from "../pod-counts.ts";
import { type PodInfo, parseSelector } from "../pod-info.ts";

const skewed = unschedulable("node(s) didn't match pod topology spread constraints");
const unlabeled = unresolvable(
  "node(s) didn't match pod topology spread constraints (missing required label)",
);
const hostnameLabel = "kubernetes.io/hostname";

interface Constraint {
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly topologyKey: string;
  readonly selector: Selector;
  /** Whether the pods of a node count at all. */
  readonly includes: (node: NodeInfo) => boolean;
}

/** Gives the selector of the workload that a pod belongs to, for pods that say nothing themselves. */
export type WorkloadSelector = (pod: PodInfo) => Selector | undefined;

/** Spreads pods over zones, nodes and other topologies (pkg/scheduler/framework/plugins/podtopologyspread). */
export function podTopologySpread(cluster: ClusterState, workloadSelector: WorkloadSelector): Plugin {
  return {
    name: "PodTopologySpread",
    weight: 2,
    preFilter(pod) {
      const constraints = constraintsOf(pod, "DoNotSchedule");
      if (constraints.length === 0) return undefined;
      return { filter: SpreadFilter.of(pod, constraints, cluster) };
    },
    preScore(pod, nodes) {
      const own = (pod.spec.topologySpreadConstraints ?? []).length > 0;
      const constraints = own
        ? constraintsOf(pod, "ScheduleAnyway")
        : defaultConstraints(pod, workloadSelector(pod));
      if (constraints.length === 0) return undefined;
      return spreadScorer({ pod, constraints, cluster, nodes, needsAllLabels: own });
    },
    wakes(event, { namespace }) {
      if (event.type === "podAssigned" || event.type === "podRelabeled" || event.type === "podGone") {
        return event.pod.metadata.namespace === namespace;
      }
      return nodeChanged(event, "labels", "taints");
    },
  };
}

function constraintsOf(pod: PodInfo, when: string): Constraint[] {
  return (pod.spec.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when)
    .map((constraint) => ({
      maxSkew: constraint.maxSkew,
      minDomains: constraint.minDomains ?? 1,
      topologyKey: constraint.topologyKey,
      selector: selectorOf(constraint, pod),
      includes: inclusion(constraint, pod),
    }));
}

function selectorOf(
  { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint,
  pod: PodInfo,
): Selector {
  const present = matchLabelKeys.filter((key) => pod.labels[key] !== undefined);
  if (present.length === 0) return parseSelector(labelSelector);
  const expressions = present.map((key) => ({ key, operator: "In", values: [pod.labels[key] ?? ""] }));
  const own = labelSelector?.matchExpressions ?? [];
  return parseSelector({ ...labelSelector, matchExpressions: [...own, ...expressions] });
}

/** By default nodes that the pod's affinity excludes do not count, tainted ones do. */
function inclusion(
  { nodeAffinityPolicy = "Honor", nodeTaintsPolicy = "Ignore" }: TopologySpreadConstraint,
  pod: PodInfo,
): (node: NodeInfo) => boolean {
  const affinity: NodePredicate | undefined =
    nodeAffinityPolicy === "Honor" ? requiredNodeAffinity(pod.pod) : undefined;
  const honorsTaints = nodeTaintsPolicy === "Honor";
  return (node) =>
    (affinity === undefined || affinity(node.node)) &&
    (!honorsTaints || node.hardTaints.every((taint) => tolerates(pod.tolerations, taint)));
}

/** What Kubernetes prefers for pods that state no constraints: apart on nodes, less strictly on zones. */
function defaultConstraints(pod: PodInfo, selector: Selector | undefined): Constraint[] {
  if (selector === undefined || selector.isEmpty()) return [];
  const shared = { minDomains: 1, selector, includes: inclusion({} as TopologySpreadConstraint, pod) };
  return [
    { ...shared, maxSkew: 3, topologyKey: hostnameLabel },
    { ...shared, maxSkew: 5, topologyKey: zoneLabel },
  ];
}

/** Pods that are going away do not count. */
function question(namespace: string, selector: Selector): PodQuestion {
  return {
    key: `spread ${namespace} ${selector.toString()}`,
    selector,
    matches: (pod) => pod.namespace === namespace && !pod.isTerminating && selector.matches(pod.labels),
  };
}

class SpreadFilter implements NodeFilter {
  readonly #pod: PodInfo;
  readonly #constraints: readonly Constraint[];
  /** Matching pods by the value of each constraint's topology key; values without pods are there with 0. */
  readonly #counts: readonly Map<string, number>[];

  private constructor(
    pod: PodInfo,
    constraints: readonly Constraint[],
    counts: readonly Map<string, number>[],
  ) {
    this.#pod = pod;
    this.#constraints = constraints;
    this.#counts = counts;
  }

  static of(pod: PodInfo, constraints: readonly Constraint[], cluster: ClusterState): SpreadFilter {
    const counts = constraints.map(({ selector, topologyKey, includes }) => {
      const byNode = cluster.counts.count(question(pod.namespace, selector));
      const byValue = new Map<string, number>();
      for (const node of cluster.nodes()) {
        if (!hasAllLabels(node, constraints) || !includes(node)) continue;
        const value = node.labels[topologyKey] ?? "";
        byValue.set(value, (byValue.get(value) ?? 0) + (byNode.get(node.name) ?? 0));
      }
      return byValue;
    });
    return new SpreadFilter(pod, constraints, counts);
  }

  filter(node: NodeInfo): Rejection | undefined {
    for (const [index, constraint] of this.#constraints.entries()) {
      const value = node.labels[constraint.topologyKey];
      if (value === undefined) return unlabeled;
      const counts = this.#counts[index] ?? new Map<string, number>();
      const self = constraint.selector.matches(this.#pod.labels) ? 1 : 0;
      const skew = (counts.get(value) ?? 0) + self - minimum(counts, constraint.minDomains);
      if (skew > constraint.maxSkew) return skewed;
    }
    return undefined;
  }

  fork(): SpreadFilter {
    const counts = this.#counts.map((byValue) => new Map(byValue));
    return new SpreadFilter(this.#pod, this.#constraints, counts);
  }

  addPod(pod: PodInfo, node: NodeInfo): void {
    this.#change(pod, node, 1);
  }

  removePod(pod: PodInfo, node: NodeInfo): void {
    this.#change(pod, node, -1);
  }

  #change(pod: PodInfo, node: NodeInfo, by: 1 | -1): void {
    if (pod.namespace !== this.#pod.namespace || pod.isTerminating) return;
    if (!hasAllLabels(node, this.#constraints)) return;
    for (const [index, { selector, topologyKey, includes }] of this.#constraints.entries()) {
      const counts = this.#counts[index];
      if (counts === undefined || !includes(node) || !selector.matches(pod.labels)) continue;
      const value = node.labels[topologyKey] ?? "";
      counts.set(value, (counts.get(value) ?? 0) + by);
    }
  }
}

/** The fewest pods in a domain; 0 while there are fewer domains than demanded. */
function minimum(counts: ReadonlyMap<string, number>, minDomains: number): number {
  if (counts.size < minDomains) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (const count of counts.values()) least = Math.min(least, count);
  return least;
}

function hasAllLabels({ labels }: NodeInfo, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined);
}

interface ScoringCycle {
  readonly pod: PodInfo;
  readonly constraints: readonly Constraint[];
  readonly cluster: ClusterState;
  /** The nodes that passed the filters. */
  readonly nodes: readonly NodeInfo[];
  /** Nodes without all labels are left out; not so for the default constraints. */
  readonly needsAllLabels: boolean;
}

function spreadScorer(cycle: ScoringCycle): (nodes: readonly NodeInfo[]) => number[] {
  const { constraints, needsAllLabels } = cycle;
  const ignored = (node: NodeInfo): boolean => needsAllLabels && !hasAllLabels(node, constraints);
  const scored = cycle.nodes.filter((node) => !ignored(node));
  const parts = constraints.map((constraint) => partScorer(constraint, scored, cycle));
  return (nodes) => {
    const raw = nodes.map((node) =>
      ignored(node) ? undefined : Math.round(parts.reduce((sum, part) => sum + part(node), 0)),
    );
    const present = raw.filter((score) => score !== undefined);
    const max = Math.max(0, ...present);
    const min = Math.min(...present);
    return raw.map((score) => {
      if (score === undefined) return 0;
      return max === 0 ? scoreMax : Math.trunc((scoreMax * (max + min - score)) / max);
    });
  };
}

/** More pods, fewer points; domains of a kind that has many weigh more. `maxSkew` waters small differences down. */
function partScorer(
  { topologyKey, maxSkew, selector, includes }: Constraint,
  scored: readonly NodeInfo[],
  { pod, cluster }: ScoringCycle,
): (node: NodeInfo) => number {
  const byNode = cluster.counts.count(question(pod.namespace, selector));
  if (topologyKey === hostnameLabel) {
    const weight = Math.log(scored.length + 2);
    return (node) =>
      node.labels[topologyKey] === undefined ? 0 : (byNode.get(node.name) ?? 0) * weight + maxSkew - 1;
  }
  const values = new Set(scored.map(({ labels }) => labels[topologyKey] ?? ""));
  const byValue = new Map<string, number>();
  for (const [name, count] of byNode) {
    const node = cluster.node(name);
    if (node === undefined || !includes(node)) continue;
    const value = node.labels[topologyKey] ?? "";
    if (values.has(value)) byValue.set(value, (byValue.get(value) ?? 0) + count);
  }
  const weight = Math.log(values.size + 2);
  return ({ labels }) => {
    const value = labels[topologyKey];
    return value === undefined ? 0 : (byValue.get(value) ?? 0) * weight + maxSkew - 1;
  };
}
