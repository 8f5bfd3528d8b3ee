/** What others notice: small reads over a connection of their own, one every few milliseconds, while something else is done. */
import { setTimeout as wait } from "node:timers/promises";
import { quantile } from "./figures.ts";
import { ask } from "./load.ts";
import { RawClient, type RawEndpoint } from "./raw-client.ts";

const path = "/api/v1/namespaces/default";
const pauseMs = 2;

export class Prober {
  readonly #client: RawClient;

  private constructor(client: RawClient) {
    this.#client = client;
  }

  static async open(endpoint: RawEndpoint): Promise<Prober> {
    return new Prober(await RawClient.open(endpoint));
  }

  /** Latencies of the reads in milliseconds, while the work is done. */
  async during(work: () => Promise<unknown>): Promise<Latencies> {
    const done = new AbortController();
    const latenciesMs: number[] = [];
    const probing = (async () => {
      while (!done.signal.aborted) {
        const startedMs = performance.now();
        await ask(this.#client, "GET", path);
        latenciesMs.push(performance.now() - startedMs);
        await wait(pauseMs);
      }
    })();
    try {
      await work();
    } finally {
      done.abort();
      await probing;
    }
    return {
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      maxMs: quantile(latenciesMs, 1),
    };
  }

  close(): void {
    this.#client.close();
  }
}

export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}
