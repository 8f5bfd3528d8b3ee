import type { Clock } from "../apimachinery/clock.ts";
import type { Metric, MetricRegistry } from "../apimachinery/metrics.ts";
import { registerProcessMetrics } from "./metrics/process-metrics.ts";
import { RequestMetrics } from "./metrics/request-metrics.ts";

/** What the API server measures of itself. Names are those of kube-apiserver, so that dashboards work. */
export class ServerMetrics implements MetricRegistry {
  readonly requests: RequestMetrics;
  readonly #metrics: Metric[] = [];

  constructor(clock: Clock) {
    this.requests = new RequestMetrics(clock, (metric) => this.register(metric));
    registerProcessMetrics((metric) => this.register(metric));
  }

  /** Adds a metric of another part of the server. */
  register(metric: Metric): void {
    this.#metrics.push(metric);
  }

  /** Everything in the text form, by name. */
  text(): string {
    const all = this.#metrics.map((metric) => metric.lines()).filter(({ length }) => length > 0);
    const sorted = all.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1));
    return `${sorted.flat().join("\n")}\n`;
  }
}
