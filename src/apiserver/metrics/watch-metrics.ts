import type { GroupVersionResource } from "../../apimachinery/gvk.ts";
import {
  Counter,
  type Distribution,
  exponentialBuckets,
  Histogram,
  type Metric,
  type Value,
} from "../../apimachinery/metrics.ts";

/** What one watch counts into; others of the same resource do too. */
export interface WatchMeasures {
  readonly events: Value;
  readonly sizes: Distribution;
}

/** What is counted of watches over sockets. */
export class WatchMetrics {
  readonly #events = new Counter({
    name: "apiserver_watch_events_total",
    help: "Events that were sent to watchers.",
    labels: ["group", "version", "resource"],
  });
  readonly #sizes = new Histogram({
    name: "apiserver_watch_events_sizes",
    help: "Bytes of events that were sent to watchers.",
    labels: ["group", "version", "resource"],
    buckets: exponentialBuckets(1024, 2, 8),
  });
  readonly #initialStates = new Histogram({
    name: "apiserver_watch_list_duration_seconds",
    help: "Time until watches that begin with a list had told all of it.",
    labels: ["group", "version", "resource", "scope"],
    buckets: [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60],
  });

  constructor(register: (metric: Metric) => void) {
    for (const metric of [this.#events, this.#sizes, this.#initialStates]) register(metric);
  }

  of({ group, version, resource }: GroupVersionResource): WatchMeasures {
    return {
      events: this.#events.with(group, version, resource),
      sizes: this.#sizes.with(group, version, resource),
    };
  }

  /** A watch of one namespace, or of all for "", has told its initial state. */
  listed({ group, version, resource }: GroupVersionResource, namespace: string, seconds: number): void {
    const scope = namespace === "" ? "cluster" : "namespace";
    this.#initialStates.with(group, version, resource, scope).observe(seconds);
  }
}
