import { nodeChanged } from "../cluster-event.ts";
import type { ClusterState } from "../cluster-state.ts";
import {
  type NodeFilter,
  type Plugin,
  type Rejection,
  scoreMax,
  unresolvable,
  unschedulable,
} from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import type { PodQuestion } from "../pod-counts.ts";
import { type AffinityTerm, type PodInfo, termMatches } from "../pod-info.ts";

const noAffinity = unresolvable("node(s) didn't match pod affinity rules");
const ownAntiAffinity = unschedulable("node(s) didn't match pod anti-affinity rules");
const othersAntiAffinity = unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");

/** How much it counts that a placed pod requires a pod like this one beside it. */
const requiredByOthersWeight = 1;

/** Pods that belong together or apart (pkg/scheduler/framework/plugins/interpodaffinity). */
export function interPodAffinity(cluster: ClusterState): Plugin {
  return {
    name: "InterPodAffinity",
    weight: 2,
    preFilter(pod) {
      const { required, requiredAnti } = pod.affinity;
      if (required.length + requiredAnti.length === 0 && !cluster.hasPlacedTerms("requiredAnti")) {
        return undefined;
      }
      return { filter: AffinityFilter.of(pod, cluster) };
    },
    preScore(pod) {
      const { preferred, preferredAnti } = pod.affinity;
      const placed = cluster.hasPlacedTerms("required", "preferred", "preferredAnti");
      if (preferred.length + preferredAnti.length === 0 && !placed) return undefined;
      const byPair = topologyScores(pod, cluster);
      return byPair.size === 0 ? undefined : (nodes) => affinityScores(nodes, byPair);
    },
    wakes: (event) =>
      event.type === "podAssigned" ||
      event.type === "podRelabeled" ||
      event.type === "podGone" ||
      event.type === "namespaceRelabeled" ||
      nodeChanged(event, "labels"),
  };
}

/** How many pods there are by topology key and value. */
class PairCounts {
  readonly #counts: Map<string, Map<string, number>>;

  constructor(counts = new Map<string, Map<string, number>>()) {
    this.#counts = counts;
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(topologyKey: string, node: NodeInfo, by: number): void {
    const value = node.labels[topologyKey];
    if (value === undefined) return;
    let values = this.#counts.get(topologyKey);
    if (values === undefined) {
      values = new Map();
      this.#counts.set(topologyKey, values);
    }
    const count = (values.get(value) ?? 0) + by;
    if (count > 0) values.set(value, count);
    else values.delete(value);
    if (values.size === 0) this.#counts.delete(topologyKey);
  }

  /** True when the node's domain of the key has pods. */
  has(topologyKey: string, { labels }: NodeInfo): boolean {
    const value = labels[topologyKey];
    return value !== undefined && (this.#counts.get(topologyKey)?.get(value) ?? 0) > 0;
  }

  hasAny(node: NodeInfo): boolean {
    for (const topologyKey of this.#counts.keys()) if (this.has(topologyKey, node)) return true;
    return false;
  }

  copy(): PairCounts {
    return new PairCounts(new Map([...this.#counts].map(([key, values]) => [key, new Map(values)])));
  }
}

class AffinityFilter implements NodeFilter {
  readonly #pod: PodInfo;
  readonly #cluster: ClusterState;
  /** Placed pods that refuse this one. */
  readonly #refusals: PairCounts;
  /** Placed pods that match all of the pod's required terms. */
  readonly #wanted: PairCounts;
  /** Placed pods that match one of its required anti-affinity terms. */
  readonly #unwanted: PairCounts;

  private constructor(
    pod: PodInfo,
    cluster: ClusterState,
    counts: { readonly refusals: PairCounts; readonly wanted: PairCounts; readonly unwanted: PairCounts },
  ) {
    this.#pod = pod;
    this.#cluster = cluster;
    this.#refusals = counts.refusals;
    this.#wanted = counts.wanted;
    this.#unwanted = counts.unwanted;
  }

  static of(pod: PodInfo, cluster: ClusterState): AffinityFilter {
    const [refusals, wanted, unwanted] = [new PairCounts(), new PairCounts(), new PairCounts()];
    for (const { term, counts } of cluster.placedTerms("requiredAnti")) {
      if (termMatches(term, pod, cluster.namespaceLabels))
        addAll(refusals, term.topologyKey, counts, cluster);
    }
    const { required, requiredAnti } = pod.affinity;
    if (required.length > 0) {
      const counts = cluster.counts.count(question(required, cluster));
      for (const term of required) addAll(wanted, term.topologyKey, counts, cluster);
    }
    for (const term of requiredAnti) {
      addAll(unwanted, term.topologyKey, cluster.counts.count(question([term], cluster)), cluster);
    }
    return new AffinityFilter(pod, cluster, { refusals, wanted, unwanted });
  }

  filter(node: NodeInfo): Rejection | undefined {
    const { required, requiredAnti } = this.#pod.affinity;
    if (required.length > 0 && !this.#satisfiesAffinity(required, node)) return noAffinity;
    if (requiredAnti.some(({ topologyKey }) => this.#unwanted.has(topologyKey, node))) return ownAntiAffinity;
    return this.#refusals.hasAny(node) ? othersAntiAffinity : undefined;
  }

  #satisfiesAffinity(terms: readonly AffinityTerm[], node: NodeInfo): boolean {
    if (terms.some(({ topologyKey }) => node.labels[topologyKey] === undefined)) return false;
    if (terms.every(({ topologyKey }) => this.#wanted.has(topologyKey, node))) return true;
    // The first pod of a group that wants to be together has nobody to join yet: it may start the group anywhere.
    const { namespaceLabels } = this.#cluster;
    return this.#wanted.isEmpty && terms.every((term) => termMatches(term, this.#pod, namespaceLabels));
  }

  fork(): AffinityFilter {
    return new AffinityFilter(this.#pod, this.#cluster, {
      refusals: this.#refusals.copy(),
      wanted: this.#wanted.copy(),
      unwanted: this.#unwanted.copy(),
    });
  }

  addPod(pod: PodInfo, node: NodeInfo): void {
    this.#change(pod, node, 1);
  }

  removePod(pod: PodInfo, node: NodeInfo): void {
    this.#change(pod, node, -1);
  }

  #change(pod: PodInfo, node: NodeInfo, by: 1 | -1): void {
    const { namespaceLabels } = this.#cluster;
    for (const term of pod.affinity.requiredAnti) {
      if (termMatches(term, this.#pod, namespaceLabels)) this.#refusals.add(term.topologyKey, node, by);
    }
    const { required, requiredAnti } = this.#pod.affinity;
    if (required.length > 0 && required.every((term) => termMatches(term, pod, namespaceLabels))) {
      for (const { topologyKey } of required) this.#wanted.add(topologyKey, node, by);
    }
    for (const term of requiredAnti) {
      if (termMatches(term, pod, namespaceLabels)) this.#unwanted.add(term.topologyKey, node, by);
    }
  }
}

function addAll(
  pairs: PairCounts,
  topologyKey: string,
  counts: ReadonlyMap<string, number>,
  cluster: ClusterState,
): void {
  for (const [name, count] of counts) {
    const node = cluster.node(name);
    if (node !== undefined) pairs.add(topologyKey, node, count);
  }
}

/** Pods that match all the terms. */
function question(terms: readonly AffinityTerm[], cluster: ClusterState): PodQuestion {
  const [first] = terms;
  if (first === undefined) throw new Error("a question needs a term");
  return {
    key: `affinity ${terms.map((term) => term.key).join(" ")}`,
    selector: first.selector,
    matches: (pod) => terms.every((term) => termMatches(term, pod, cluster.namespaceLabels)),
  };
}

type PairScores = Map<string, Map<string, number>>;

/** Points by topology key and value: of the pod's own preferences, and of those of placed pods. */
function topologyScores(pod: PodInfo, cluster: ClusterState): PairScores {
  const scores: PairScores = new Map();
  function give(topologyKey: string, counts: ReadonlyMap<string, number>, weight: number): void {
    for (const [name, count] of counts) {
      const value = cluster.node(name)?.labels[topologyKey];
      if (value === undefined) continue;
      const values = scores.get(topologyKey) ?? new Map<string, number>();
      scores.set(topologyKey, values.set(value, (values.get(value) ?? 0) + weight * count));
    }
  }
  for (const [terms, sign] of [
    [pod.affinity.preferred, 1],
    [pod.affinity.preferredAnti, -1],
  ] as const) {
    for (const term of terms) {
      give(term.topologyKey, cluster.counts.count(question([term], cluster)), sign * term.weight);
    }
  }
  for (const [kind, weightOf] of [
    ["required", () => requiredByOthersWeight],
    ["preferred", (term: AffinityTerm) => term.weight],
    ["preferredAnti", (term: AffinityTerm) => -term.weight],
  ] as const) {
    for (const { term, counts } of cluster.placedTerms(kind)) {
      if (termMatches(term, pod, cluster.namespaceLabels)) give(term.topologyKey, counts, weightOf(term));
    }
  }
  return scores;
}

function affinityScores(nodes: readonly NodeInfo[], byPair: PairScores): number[] {
  const raw = nodes.map(({ labels }) => {
    let score = 0;
    for (const [topologyKey, values] of byPair) score += values.get(labels[topologyKey] ?? "") ?? 0;
    return score;
  });
  const max = Math.max(...raw);
  const min = Math.min(...raw);
  return raw.map((score) => (max > min ? Math.trunc((scoreMax * (score - min)) / (max - min)) : 0));
}
