import { Histogram, type Metric } from "../../apimachinery/metrics.ts";

/** As Prometheus' own library has them, in seconds. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the rules of custom resources cost, under the names of apiserver/pkg/cel/metrics. */
export class RuleMetrics {
  readonly #compilations = new Histogram({
    name: "apiserver_cel_compilation_duration_seconds",
    help: "Time that compiling the rules of a schema took.",
    labels: [],
    buckets,
  });
  readonly #evaluations = new Histogram({
    name: "apiserver_cel_evaluation_duration_seconds",
    help: "Time that asking all rules about an object took.",
    labels: [],
    buckets,
  });

  constructor(register: (metric: Metric) => void) {
    for (const metric of [this.#compilations, this.#evaluations]) {
      // They are shown from the beginning.
      metric.with();
      register(metric);
    }
  }

  compiled(ms: number): void {
    this.#compilations.with().observe(ms / 1000);
  }

  evaluated(ms: number): void {
    this.#evaluations.with().observe(ms / 1000);
  }
}
