import type { PodDisruptionBudget } from "../api/types/policy-v1.ts";
import type { Random } from "../apimachinery/random.ts";
import { type Algorithm, forkFilters, type NamedFilter } from "./algorithm.ts";
import type { ClusterState } from "./cluster-state.ts";
import { type Diagnosis, fitMessage } from "./fit-error.ts";
import { type Rejection, unresolvable } from "./framework.ts";
import type { NodeInfo } from "./node-info.ts";
import type { Nominations } from "./nominations.ts";
import { type PodInfo, parseSelector } from "./pod-info.ts";

/** Less important pods whose end would make room on a node. */
export interface Candidate {
  readonly node: NodeInfo;
  /** The most important first. */
  readonly victims: readonly PodInfo[];
  /** How many of them a disruption budget would rather keep. */
  readonly violations: number;
}

/** `message` says why there is no candidate; `keepNomination`: the pod goes on waiting for its node. */
export type PreemptionResult =
  | { readonly candidate: Candidate }
  | { readonly message: string; readonly keepNomination: boolean };

const notHelpful = "Preemption is not helpful for scheduling";
const noVictims = unresolvable("No preemption victims found for incoming pod");

/** As many nodes are tried as these say, whichever is more. */
const candidatesMin = 100;
const candidatesPercentage = 10;

/** Finds whom to evict for a pod that found no node (pkg/scheduler/framework/plugins/defaultpreemption). */
export class Preemption {
  readonly #cluster: ClusterState;
  readonly #algorithm: Algorithm;
  readonly #nominations: Nominations;
  readonly #budgets: () => readonly PodDisruptionBudget[];
  readonly #random: Random;

  constructor(options: {
    readonly cluster: ClusterState;
    readonly algorithm: Algorithm;
    readonly nominations: Nominations;
    readonly budgets: () => readonly PodDisruptionBudget[];
    readonly random: Random;
  }) {
    this.#cluster = options.cluster;
    this.#algorithm = options.algorithm;
    this.#nominations = options.nominations;
    this.#budgets = options.budgets;
    this.#random = options.random;
  }

  find(pod: PodInfo, diagnosis: Diagnosis, filters: readonly NamedFilter[]): PreemptionResult {
    if (pod.spec.preemptionPolicy === "Never") {
      return { message: "not eligible due to preemptionPolicy=Never.", keepNomination: true };
    }
    if (this.#waitsForVictims(pod, diagnosis)) {
      const message = "not eligible due to a terminating pod on the nominated node.";
      return { message, keepNomination: true };
    }
    const rejections = new Map<string, Rejection>();
    const candidates = this.#candidates(pod, diagnosis, filters, rejections);
    const candidate = bestOf(candidates);
    if (candidate !== undefined) return { candidate };
    const { nodeCount } = diagnosis;
    const message = fitMessage({ nodeCount, rejections, absent: [notHelpful], plugins: new Set() });
    return { message, keepNomination: false };
  }

  /** Victims are still ending on the node that the pod is nominated to: more evictions would not be faster. */
  #waitsForVictims(pod: PodInfo, diagnosis: Diagnosis): boolean {
    const nodeName = this.#nominations.nodeOf(pod) ?? "";
    if (nodeName === "" || diagnosis.rejections.get(nodeName)?.code === "unresolvable") return false;
    const node = this.#cluster.node(nodeName);
    return [...(node?.pods.values() ?? [])].some(
      (other) => other.priority < pod.priority && isEndingByPreemption(other),
    );
  }

  #candidates(
    pod: PodInfo,
    diagnosis: Diagnosis,
    filters: readonly NamedFilter[],
    rejections: Map<string, Rejection>,
  ): Candidate[] {
    const names = [...diagnosis.rejections].flatMap(([name, { code }]) =>
      code === "unschedulable" ? [name] : [],
    );
    const wanted = Math.min(
      names.length,
      Math.max(candidatesMin, Math.floor((names.length * candidatesPercentage) / 100)),
    );
    const offset = Math.floor(this.#random.next() * names.length);
    const candidates: Candidate[] = [];
    const budgets = this.#budgets();
    for (let index = 0; index < names.length && candidates.length < wanted; index++) {
      const node = this.#cluster.node(names[(offset + index) % names.length] ?? "");
      if (node === undefined) continue;
      const result = this.#tryNode(pod, node, filters, budgets);
      if ("victims" in result) candidates.push(result);
      else rejections.set(node.name, result);
    }
    return candidates;
  }

  /** The fewest and least important pods whose end lets the pod onto the node. */
  #tryNode(
    pod: PodInfo,
    node: NodeInfo,
    filters: readonly NamedFilter[],
    budgets: readonly PodDisruptionBudget[],
  ): Candidate | Rejection {
    const lesser = [...node.pods.values()].filter(({ priority }) => priority < pod.priority);
    if (lesser.length === 0) return noVictims;
    const imagined = node.clone();
    const forked = forkFilters(filters);
    const fits = (): Rejection | undefined => this.#algorithm.check(pod, forked, imagined)?.rejection;
    for (const other of lesser) {
      imagined.removePod(other.uid);
      for (const { filter } of forked) filter.removePod?.(other, imagined);
    }
    const rejection = fits();
    if (rejection !== undefined) return rejection;
    const { violating, others } = sortByBudget(lesser.sort(byImportance), budgets);
    const victims: PodInfo[] = [];
    let violations = 0;
    // Whoever can stay stays: first those that a budget protects, the most important first.
    for (const other of [...violating, ...others]) {
      imagined.addPod(other);
      for (const { filter } of forked) filter.addPod?.(other, imagined);
      if (fits() === undefined) continue;
      imagined.removePod(other.uid);
      for (const { filter } of forked) filter.removePod?.(other, imagined);
      victims.push(other);
      if (violating.includes(other)) violations++;
    }
    return { node, victims: victims.sort(byImportance), violations };
  }
}

function isEndingByPreemption({ pod, isTerminating }: PodInfo): boolean {
  const condition = pod.status?.conditions?.find(({ type }) => type === "DisruptionTarget");
  return isTerminating && condition?.status === "True" && condition.reason === "PreemptionByScheduler";
}

/** Higher priority first, then who has run longer. */
function byImportance(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || startMs(a) - startMs(b);
}

function startMs({ pod }: PodInfo): number {
  const start = pod.status?.startTime;
  return start === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(start);
}

/** Parts the pods into those whose eviction would breach a budget and the others; both keep their order. */
function sortByBudget(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: readonly PodInfo[]; readonly others: readonly PodInfo[] } {
  const rules = budgets.map((budget) => ({
    budget,
    selector: parseSelector(budget.spec?.selector),
    allowed: budget.status?.disruptionsAllowed ?? 0,
  }));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const pod of pods) {
    let violates = false;
    for (const rule of rules) {
      const { budget, selector } = rule;
      if (budget.metadata.namespace !== pod.namespace || Object.keys(pod.labels).length === 0) continue;
      if (selector.isEmpty() || !selector.matches(pod.labels)) continue;
      // Its eviction has been granted already.
      if (budget.status?.disruptedPods?.[pod.name] !== undefined) continue;
      rule.allowed--;
      if (rule.allowed < 0) violates = true;
    }
    (violates ? violating : others).push(pod);
  }
  return { violating, others };
}

/** Ties are broken by the next rule; the last one standing first wins. */
const rules: readonly ((candidate: Candidate) => number)[] = [
  ({ violations }) => violations,
  ({ victims }) => victims[0]?.priority ?? Number.NEGATIVE_INFINITY,
  // Shifted so that many pods of negative priority do not look better than few.
  ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0),
  ({ victims }) => victims.length,
  ({ victims }) => {
    const highest = victims[0]?.priority;
    return -Math.min(...victims.filter(({ priority }) => priority === highest).map(startMs));
  },
];

function bestOf(candidates: readonly Candidate[]): Candidate | undefined {
  let best = candidates;
  for (const rule of rules) {
    if (best.length <= 1) break;
    const scores = best.map(rule);
    const least = Math.min(...scores);
    best = best.filter((_, index) => scores[index] === least);
  }
  return best[0];
}
