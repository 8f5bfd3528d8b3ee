import type { Clock } from "../../apimachinery/clock.ts";
import { Counter, exponentialBuckets, Histogram, type Metric } from "../../apimachinery/metrics.ts";

/** Conversions by webhooks, counted under the names of apiextensions-apiserver/pkg/apiserver/conversion. */
export class ConversionMetrics {
  readonly #clock: Clock;
  readonly #requests = new Counter({
    name: "apiserver_conversion_webhook_request_total",
    help: "Conversions by webhooks, by their result and what they failed for.",
    labels: ["failure_type", "result"],
  });
  readonly #durations = new Histogram({
    name: "apiserver_conversion_webhook_duration_seconds",
    help: "Time that conversions by webhooks took, by their result and what they failed for.",
    labels: ["failure_type", "result"],
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60],
  });
  readonly #byDefinition = new Histogram({
    name: "apiserver_crd_conversion_webhook_duration_seconds",
    help: "Time that conversions by webhooks took, by definition, versions and whether they succeeded.",
    labels: ["crd_name", "from_version", "succeeded", "to_version"],
    buckets: exponentialBuckets(0.001, 2, 15),
  });

  constructor(clock: Clock, register: (metric: Metric) => void) {
    this.#clock = clock;
    for (const metric of [this.#requests, this.#durations, this.#byDefinition]) register(metric);
  }

  /** To be called when the conversion has ended, with what it has failed for. */
  begin(definition: string, from: string, to: string): (failure?: string) => void {
    const startMs = this.#clock.now();
    return (failure = "") => {
      const seconds = (this.#clock.now() - startMs) / 1000;
      const result = failure === "" ? "success" : "failure";
      this.#requests.with(failure, result).value++;
      this.#durations.with(failure, result).observe(seconds);
      this.#byDefinition.with(definition, from, String(failure === ""), to).observe(seconds);
    };
  }
}
