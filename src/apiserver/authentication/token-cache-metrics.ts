import { Computed, Counter, Histogram, type Metric } from "../../apimachinery/metrics.ts";

/** What is measured of a cache of tokens, by the names that kube-apiserver uses. */
export class TokenCacheMetrics {
  readonly metrics: readonly Metric[];
  readonly #requests = new Counter({
    name: "authentication_token_cache_request_total",
    help: "Tokens that were looked for, and whether they were remembered.",
    labels: ["status"],
  });
  readonly #durations = new Histogram({
    name: "authentication_token_cache_request_duration_seconds",
    help: "Time until it was known whose a token is.",
    labels: ["status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  });
  readonly #fetches = new Counter({
    name: "authentication_token_cache_fetch_total",
    help: "Questions whose a token is, by how they ended.",
    labels: ["status"],
  });
  /** Questions that are under way, and requests that wait for an answer. */
  readonly #active = { in_flight: 0, blocked: 0 };

  constructor() {
    const active = new Computed(
      "gauge",
      {
        name: "authentication_token_cache_active_fetch_count",
        help: "Questions that are under way, and requests that wait for their answers.",
        labels: ["status"],
      },
      () => Object.entries(this.#active).map(([status, count]) => [[status], count] as const),
    );
    this.metrics = [this.#requests, this.#durations, this.#fetches, active];
  }

  /** A token was remembered, or had to be asked for since `startMs`. */
  answered(status: "hit" | "miss", startMs: number): void {
    this.#requests.with(status).value++;
    this.#durations.with(status).observe((performance.now() - startMs) / 1000);
  }

  /** Follows a question to its end. */
  async fetching<T>(answer: Promise<T>): Promise<T> {
    this.#active.in_flight++;
    let status = "error";
    try {
      const found = await answer;
      status = "ok";
      return found;
    } finally {
      this.#active.in_flight--;
      this.#fetches.with(status).value++;
    }
  }

  /** Follows a request that waits for a question. */
  async waiting<T>(answer: Promise<T>): Promise<T> {
    this.#active.blocked++;
    try {
      return await answer;
    } finally {
      this.#active.blocked--;
    }
  }
}
