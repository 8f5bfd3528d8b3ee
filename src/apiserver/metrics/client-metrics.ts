import { Counter, Histogram, type Metric } from "../../apimachinery/metrics.ts";

/** There is no address between a client of this process and the server. */
const host = "in-process";

/** What the clients of this process ask, by the names that client-go uses. */
export class ClientMetrics {
  readonly #requests = new Counter({
    name: "rest_client_requests_total",
    help: "Requests of this process' own clients, by method and code.",
    labels: ["code", "method", "host"],
  });
  readonly #durations = new Histogram({
    name: "rest_client_request_duration_seconds",
    help: "Time until this process' own clients were answered.",
    labels: ["verb", "host"],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
  });

  constructor(register: (metric: Metric) => void) {
    for (const metric of [this.#requests, this.#durations]) register(metric);
  }

  answered(method: string, code: number, startMs: number): void {
    this.#requests.with(String(code), method, host).value++;
    this.#durations.with(method, host).observe((performance.now() - startMs) / 1000);
  }
}
