import type { Selector } from "../apimachinery/labels.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";

/**
 * How many pods on each node match a question, kept up to date as pods come and go. Spreading and affinity ask the same
 * few questions for every pod of a workload; going through all pods of all nodes each time would make scheduling slow
 * down with the size of the cluster.
 */
export interface PodQuestion {
  /** Equal questions have equal keys. */
  readonly key: string;
  /** A selector that every matching pod satisfies; it finds the questions that a changed pod concerns. */
  readonly selector: Selector;
  matches(pod: PodInfo): boolean;
}

interface Answer {
  readonly question: PodQuestion;
  /** Nodes without a match are absent. */
  readonly counts: Map<string, number>;
  readonly bucket: string;
}

/** The least recently asked question is forgotten beyond this. */
const answersMax = 2000;

/** The bucket of questions whose selector demands no value of a label. */
const anyLabels = "";

export class PodCounts {
  readonly #answers = new Map<string, Answer>();
  /** Answers by a `label=value` that their selector demands. */
  readonly #buckets = new Map<string, Set<Answer>>();
  readonly #nodes: () => Iterable<NodeInfo>;

  constructor(nodes: () => Iterable<NodeInfo>) {
    this.#nodes = nodes;
  }

  /** The number of matching pods by node name, where there are any. Valid until the next pod changes. */
  count(question: PodQuestion): ReadonlyMap<string, number> {
    const known = this.#answers.get(question.key);
    if (known !== undefined) {
      this.#answers.delete(question.key);
      this.#answers.set(question.key, known);
      return known.counts;
    }
    const answer: Answer = { question, counts: new Map(), bucket: bucketOf(question.selector) };
    for (const node of this.#nodes()) {
      for (const pod of node.pods.values()) if (question.matches(pod)) change(answer, node.name, 1);
    }
    this.#remember(answer);
    return answer.counts;
  }

  podAdded(pod: PodInfo, nodeName: string): void {
    this.#concern(pod, (answer) => change(answer, nodeName, 1));
  }

  podRemoved(pod: PodInfo, nodeName: string): void {
    this.#concern(pod, (answer) => change(answer, nodeName, -1));
  }

  /** Forgets all answers: something that questions look at besides pods has changed. */
  clear(): void {
    this.#answers.clear();
    this.#buckets.clear();
  }

  #concern(pod: PodInfo, apply: (answer: Answer) => void): void {
    this.#visit(anyLabels, pod, apply);
    for (const [label, value] of Object.entries(pod.labels)) this.#visit(`${label}=${value}`, pod, apply);
  }

  #visit(bucket: string, pod: PodInfo, apply: (answer: Answer) => void): void {
    for (const answer of this.#buckets.get(bucket) ?? []) if (answer.question.matches(pod)) apply(answer);
  }

  #remember(answer: Answer): void {
    this.#answers.set(answer.question.key, answer);
    const bucket = this.#buckets.get(answer.bucket);
    if (bucket === undefined) this.#buckets.set(answer.bucket, new Set([answer]));
    else bucket.add(answer);
    if (this.#answers.size <= answersMax) return;
    const [oldest] = this.#answers.values();
    if (oldest === undefined) return;
    this.#answers.delete(oldest.question.key);
    const others = this.#buckets.get(oldest.bucket);
    others?.delete(oldest);
    if (others?.size === 0) this.#buckets.delete(oldest.bucket);
  }
}

function change(answer: Answer, nodeName: string, by: 1 | -1): void {
  const count = (answer.counts.get(nodeName) ?? 0) + by;
  if (count > 0) answer.counts.set(nodeName, count);
  else answer.counts.delete(nodeName);
}

function bucketOf(selector: Selector): string {
  for (const { key, operator, values } of selector.requirements) {
    const exact = operator === "=" || operator === "==" || operator === "in";
    if (exact && values.length === 1) return `${key}=${values[0]}`;
  }
  return anyLabels;
}
