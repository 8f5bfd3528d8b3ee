import type { Lease } from "../api/types/coordination-v1.ts";
import { type Clock, formatMicroTime, type Timer } from "../apimachinery/clock.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { Client } from "../client/client.ts";
import { resources } from "../client/resources.ts";

const namespace = "kube-node-lease";
const renewMs = 10_000;
const durationSeconds = 40;

/** Signs of life of nodes that have no agent. */
export class NodeLeases {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #names = new Set<string>();
  readonly #timer: Timer;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#timer = clock.every(renewMs, () => {
      for (const name of this.#names) void this.#renew(name);
    });
  }

  add(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    void this.#renew(name);
  }

  delete(name: string): void {
    this.#names.delete(name);
  }

  stop(): void {
    this.#timer.stop();
  }

  async #renew(name: string): Promise<void> {
    const leases = this.#client.resource(resources.leases);
    const renewTime = formatMicroTime(this.#clock.now());
    const spec = { holderIdentity: name, leaseDurationSeconds: durationSeconds, renewTime };
    try {
      await leases.patch(name, { spec }, { type: "merge", namespace });
    } catch (error) {
      if (!isNotFound(error)) return;
      const metadata = { name, namespace };
      const lease: Lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
      await leases.create(lease).catch(() => undefined);
    }
  }
}
