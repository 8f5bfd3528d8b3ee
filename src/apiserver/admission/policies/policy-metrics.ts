import type { Clock } from "../../../apimachinery/clock.ts";
import { Counter, Histogram, type Metric } from "../../../apimachinery/metrics.ts";
import { OutOfBudget } from "../expressions/expression.ts";

/** What is measured with, and where it is shown. */
export interface Measuring {
  readonly clock: Clock;
  readonly register: (metric: Metric) => void;
}

/** From what it takes to look at a field up to an expression at its limit; in seconds. */
const buckets = [0.0000005, 0.001, 0.01, 0.1, 1];

/** What policies of one kind decide, under the names that kube-apiserver uses. */
export class PolicyMetrics {
  readonly #clock: Clock;
  readonly #checks: Counter;
  readonly #durations: Histogram;

  /** `labels`: in the order of their names. */
  constructor({ clock, register }: Measuring, kind: "validating" | "mutating", labels: readonly string[]) {
    this.#clock = clock;
    this.#checks = new Counter({
      name: `apiserver_${kind}_admission_policy_check_total`,
      help: "Decisions of policies, by policy, binding and what came of them.",
      labels,
    });
    this.#durations = new Histogram({
      name: `apiserver_${kind}_admission_policy_check_duration_seconds`,
      help: "Time that decisions of policies took, by policy, binding and what came of them.",
      labels,
      buckets,
    });
    register(this.#checks);
    register(this.#durations);
  }

  now(): number {
    return this.#clock.now();
  }

  /** `values`: of the labels. */
  observe(startMs: number, ...values: readonly string[]): void {
    this.#checks.with(...values).value++;
    this.#durations.with(...values).observe((this.#clock.now() - startMs) / 1000);
  }
}

const outOfBudget = new OutOfBudget().message;

/** What kind of failure a message is about, as metrics tell them apart: by its beginning. */
export function errorTypeOf(message: string): string {
  if (message.startsWith("compilation")) return "compile_error";
  return message.startsWith(outOfBudget.slice(0, outOfBudget.indexOf(",")))
    ? "out_of_budget"
    : "invalid_error";
}
