import type { SimulatedContainer } from "./container.ts";

/** Who is asked, and by which probe. */
interface ProbeTarget {
  readonly containerId: string;
  readonly kind: "startup" | "readiness" | "liveness";
}

/** Stands in for the wire between the kubelet's probes and the containers: each answers as its script says. */
export class SimulatedNetwork {
  readonly #find: (containerId: string) => SimulatedContainer | undefined;

  constructor(find: (containerId: string) => SimulatedContainer | undefined) {
    this.#find = find;
  }

  /** 200 when the probe passes, 503 when not. */
  httpGet({ containerId, kind }: ProbeTarget): Promise<{ statusCode: number; body: string }> {
    const passes = this.#find(containerId)?.passes(kind) ?? false;
    return Promise.resolve(passes ? { statusCode: 200, body: "ok" } : { statusCode: 503, body: "not ready" });
  }

  /** Rejects when the probe does not pass. */
  tcpConnect({ containerId, kind }: ProbeTarget): Promise<void> {
    if (this.#find(containerId)?.passes(kind) === true) return Promise.resolve();
    return Promise.reject(new Error("connect: connection refused"));
  }

  /** `SERVING` or `NOT_SERVING`, as the health service answers. */
  grpcCheck({ containerId, kind }: ProbeTarget): Promise<string> {
    return Promise.resolve(this.#find(containerId)?.passes(kind) === true ? "SERVING" : "NOT_SERVING");
  }
}
