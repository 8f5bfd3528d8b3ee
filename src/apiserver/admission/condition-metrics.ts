import type { Clock } from "../../apimachinery/clock.ts";
import { Counter, Histogram, type Metric } from "../../apimachinery/metrics.ts";

/** Whose conditions they are; the words are those of metrics. */
export interface ConditionOwner {
  readonly kind: "webhook" | "policy";
  readonly name: string;
  readonly operation: string;
  readonly type: "admit" | "validating" | "validate";
}

const labels = ["kind", "name", "operation", "type"];

/** The conditions under which webhooks and policies are concerned, counted under the names that kube-apiserver uses. */
export class ConditionMetrics {
  readonly #clock: Clock;
  readonly #errors = new Counter({
    name: "apiserver_admission_match_condition_evaluation_errors_total",
    help: "Conditions that could not be evaluated, by whose they are and the operation.",
    labels,
  });
  readonly #exclusions = new Counter({
    name: "apiserver_admission_match_condition_exclusions_total",
    help: "Requests that a condition has kept from a webhook, by whose it is and the operation.",
    labels,
  });
  readonly #durations = new Histogram({
    name: "apiserver_admission_match_condition_evaluation_seconds",
    help: "Time that all conditions took together, by whose they are and the operation.",
    labels,
    buckets: [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25],
  });

  constructor(clock: Clock, register: (metric: Metric) => void) {
    this.#clock = clock;
    for (const metric of [this.#errors, this.#exclusions, this.#durations]) register(metric);
  }

  /** Evaluates, and notes how long that took and what could not be. */
  async measure<T extends { readonly failures: number }>(
    owner: ConditionOwner,
    evaluate: () => Promise<T>,
  ): Promise<T> {
    const startMs = this.#clock.now();
    const verdict = await evaluate();
    const { kind, name, operation, type } = owner;
    if (verdict.failures > 0) this.#errors.with(kind, name, operation, type).value += verdict.failures;
    this.#durations.with(kind, name, operation, type).observe((this.#clock.now() - startMs) / 1000);
    return verdict;
  }

  excluded({ kind, name, operation, type }: ConditionOwner): void {
    this.#exclusions.with(kind, name, operation, type).value++;
  }
}
