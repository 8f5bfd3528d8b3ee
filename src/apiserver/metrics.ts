import type { Clock } from "../apimachinery/clock.ts";
import type { Metric, MetricRegistry } from "../apimachinery/metrics.ts";
import { registerFeatureMetrics } from "./metrics/feature-metrics.ts";
import { registerProcessMetrics } from "./metrics/process-metrics.ts";
import { RequestMetrics } from "./metrics/request-metrics.ts";

const linesAtOnce = 500;

/** What the API server measures of itself. Names are those of kube-apiserver, so that dashboards work. */
export class ServerMetrics implements MetricRegistry {
  readonly requests: RequestMetrics;
  readonly #metrics: Metric[] = [];

  constructor(clock: Clock) {
    this.requests = new RequestMetrics(clock, (metric) => this.register(metric));
    registerProcessMetrics((metric) => this.register(metric));
    registerFeatureMetrics((metric) => this.register(metric));
  }

  /** Adds a metric of another part of the server. */
  register(metric: Metric): void {
    this.#metrics.push(metric);
  }

  /** Everything in the text form, by name. */
  text(): string {
    const work = this.textInParts();
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
    }
  }

  /** The same, a few hundred lines at a time. */
  *textInParts(): Generator<undefined, string> {
    const all: string[] = [];
    for (const metric of this.#metrics) {
      let text = "";
      let count = 0;
      for (const line of metric.shown()) {
        text += `${line}\n`;
        if (++count % linesAtOnce === 0) yield undefined;
      }
      if (text !== "") all.push(text);
      yield undefined;
    }
    return all.toSorted((a, b) => (a < b ? -1 : 1)).join("");
  }
}
