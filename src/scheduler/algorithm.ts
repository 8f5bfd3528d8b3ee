import type { Random } from "../apimachinery/random.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Diagnosis } from "./fit-error.ts";
import type { NodeFilter, Plugin, Rejection } from "./framework.ts";
import type { NodeInfo } from "./node-info.ts";
import type { Nominations } from "./nominations.ts";
import type { PodInfo } from "./pod-info.ts";
import { SchedulerMetrics, type StepStatus } from "./scheduler-metrics.ts";

/** A plugin's filter for one pod. */
export interface NamedFilter {
  readonly plugin: string;
  readonly filter: NodeFilter;
}

export type Outcome =
  | { readonly node: NodeInfo }
  /** `filters` are those of the cycle: preemption asks them what would be without some pods. */
  | { readonly diagnosis: Diagnosis; readonly filters: readonly NamedFilter[] };

/** Fewer nodes than this are all looked at; and at least so many are found before the search stops. */
const feasibleMin = 100;

/** Finds the best node for one pod. Keeps only where the last search ended, so that the next starts there. */
export class Algorithm {
  readonly #plugins: readonly Plugin[];
  readonly #cluster: ClusterState;
  readonly #nominations: Nominations;
  readonly #random: Random;
  readonly #metrics: SchedulerMetrics;
  #nextStart = 0;

  constructor(options: {
    readonly plugins: readonly Plugin[];
    readonly cluster: ClusterState;
    readonly nominations: Nominations;
    readonly random: Random;
    readonly metrics?: SchedulerMetrics;
  }) {
    this.#plugins = options.plugins;
    this.#cluster = options.cluster;
    this.#nominations = options.nominations;
    this.#random = options.random;
    this.#metrics = options.metrics ?? new SchedulerMetrics();
  }

  schedule(pod: PodInfo): Outcome {
    const startMs = this.#metrics.now();
    const prepared = this.#preFilter(pod);
    if ("diagnosis" in prepared) {
      this.#metrics.step("PreFilter", prepared.status, startMs);
      return { diagnosis: prepared.diagnosis, filters: [] };
    }
    const preparedMs = this.#metrics.step("PreFilter", "Success", startMs);
    const { filters, nodeNames, restrictedBy } = prepared;
    const rejections = new Map<string, Rejection>();
    const plugins = new Set<string>(restrictedBy);
    const feasible = this.#feasible(pod, filters, nodeNames, (node, { plugin, rejection }) => {
      rejections.set(node.name, rejection);
      plugins.add(plugin);
    });
    this.#metrics.step("Filter", "Success", preparedMs);
    const [only] = feasible;
    if (only === undefined) {
      const absent =
        restrictedBy.length === 0 ? [] : [`node(s) didn't satisfy plugin(s) [${restrictedBy.join(" ")}]`];
      const nodeCount = this.#cluster.nodes().length;
      return { diagnosis: { nodeCount, rejections, absent, plugins }, filters };
    }
    if (feasible.length === 1) return { node: only };
    return { node: this.#best(pod, feasible) };
  }

  #preFilter(pod: PodInfo):
    | { readonly diagnosis: Diagnosis; readonly status: StepStatus }
    | {
        readonly filters: readonly NamedFilter[];
        readonly nodeNames: ReadonlySet<string> | undefined;
        readonly restrictedBy: readonly string[];
      } {
    const filters: NamedFilter[] = [];
    const restrictedBy: string[] = [];
    let nodeNames: ReadonlySet<string> | undefined;
    for (const plugin of this.#plugins) {
      const result = plugin.preFilter?.(pod);
      if (result === undefined) continue;
      if ("rejection" in result) {
        const preFilterMessage = result.rejection.reasons.join(", ");
        const nodeCount = this.#cluster.nodes().length;
        const plugins = new Set([plugin.name]);
        const diagnosis = { nodeCount, rejections: new Map(), absent: [], preFilterMessage, plugins };
        const isFinal = result.rejection.code === "unresolvable";
        return { diagnosis, status: isFinal ? "UnschedulableAndUnresolvable" : "Unschedulable" };
      }
      if (result.filter !== undefined) filters.push({ plugin: plugin.name, filter: result.filter });
      if (result.nodeNames !== undefined) {
        nodeNames = nodeNames === undefined ? result.nodeNames : nodeNames.intersection(result.nodeNames);
        restrictedBy.push(plugin.name);
      }
    }
    return { filters, nodeNames, restrictedBy: restrictedBy.sort() };
  }

  #feasible(
    pod: PodInfo,
    filters: readonly NamedFilter[],
    nodeNames: ReadonlySet<string> | undefined,
    reject: (node: NodeInfo, by: NamedRejection) => void,
  ): NodeInfo[] {
    const nominated = this.#nominatedNode(pod);
    if (nominated !== undefined && this.check(pod, filters, nominated) === undefined) return [nominated];
    const all = this.#cluster.nodes();
    const nodes =
      nodeNames === undefined ? all : [...nodeNames].flatMap((name) => this.#cluster.node(name) ?? []);
    const wanted = feasibleToFind(nodes.length);
    const feasible: NodeInfo[] = [];
    let looked = 0;
    for (; looked < nodes.length && feasible.length < wanted; looked++) {
      const node = nodes[(this.#nextStart + looked) % nodes.length];
      if (node === undefined) break;
      const by = this.check(pod, filters, node);
      if (by === undefined) feasible.push(node);
      else reject(node, by);
    }
    if (nodes === all && all.length > 0) this.#nextStart = (this.#nextStart + looked) % all.length;
    return feasible;
  }

  /** The node for which the pod has had others evicted is tried before any other. */
  #nominatedNode(pod: PodInfo): NodeInfo | undefined {
    const name = this.#nominations.nodeOf(pod);
    return name === undefined ? undefined : this.#cluster.node(name);
  }

  /**
   * Whether the pod may run on the node, both with the more important pods that are nominated to it, which may take its
   * room, and without them, whose company it must not depend on.
   */
  check(pod: PodInfo, filters: readonly NamedFilter[], node: NodeInfo): NamedRejection | undefined {
    const others = this.#nominations.on(node.name, pod);
    if (others.length > 0) {
      const rejection = checkWith(filters, node, others);
      if (rejection !== undefined) return rejection;
    }
    return firstRejection(filters, node);
  }

  #best(pod: PodInfo, nodes: readonly NodeInfo[]): NodeInfo {
    const startMs = this.#metrics.now();
    const scorers = this.#plugins.flatMap((plugin) => {
      const scorer = plugin.preScore?.(pod, nodes);
      return scorer === undefined ? [] : { scorer, weight: plugin.weight ?? 1 };
    });
    const preparedMs = this.#metrics.step("PreScore", "Success", startMs);
    const totals = nodes.map(() => 0);
    for (const { scorer, weight } of scorers) {
      const scores = scorer(nodes);
      for (let index = 0; index < totals.length; index++) {
        totals[index] = (totals[index] ?? 0) + weight * (scores[index] ?? 0);
      }
    }
    this.#metrics.step("Score", "Success", preparedMs);
    return this.#pick(nodes, totals);
  }

  /** One of the nodes with the highest score, by chance. */
  #pick(nodes: readonly NodeInfo[], totals: readonly number[]): NodeInfo {
    let best = nodes[0] as NodeInfo;
    let bestScore = totals[0] ?? 0;
    let ties = 1;
    for (let index = 1; index < nodes.length; index++) {
      const score = totals[index] ?? 0;
      if (score < bestScore) continue;
      ties = score === bestScore ? ties + 1 : 1;
      if (score > bestScore || this.#random.next() < 1 / ties) best = nodes[index] as NodeInfo;
      bestScore = score;
    }
    return best;
  }
}

export interface NamedRejection {
  readonly plugin: string;
  readonly rejection: Rejection;
}

export function firstRejection(filters: readonly NamedFilter[], node: NodeInfo): NamedRejection | undefined {
  for (const { plugin, filter } of filters) {
    const rejection = filter.filter(node);
    if (rejection !== undefined) return { plugin, rejection };
  }
  return undefined;
}

/** Asks the filters as if the pods were on the node too. */
function checkWith(
  filters: readonly NamedFilter[],
  node: NodeInfo,
  pods: readonly PodInfo[],
): NamedRejection | undefined {
  const imagined = node.clone();
  const forked = forkFilters(filters);
  for (const pod of pods) {
    imagined.addPod(pod);
    for (const { filter } of forked) filter.addPod?.(pod, imagined);
  }
  return firstRejection(forked, imagined);
}

export function forkFilters(filters: readonly NamedFilter[]): NamedFilter[] {
  return filters.map(({ plugin, filter }) => ({ plugin, filter: filter.fork?.() ?? filter }));
}

/**
 * How many nodes are enough: all of a hundred, half of a few hundred, falling to a twentieth of the largest clusters
 * (pkg/scheduler/schedule_one.go, numFeasibleNodesToFind).
 */
export function feasibleToFind(nodeCount: number): number {
  if (nodeCount < feasibleMin) return nodeCount;
  const percentage = Math.max(5, 50 - Math.floor(nodeCount / 125));
  return Math.max(feasibleMin, Math.floor((nodeCount * percentage) / 100));
}
