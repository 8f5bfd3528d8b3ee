import type { Lease } from "../../api/types/coordination-v1.ts";
import type { Node } from "../../api/types/core-v1.ts";
import { type Clock, formatMicroTime, type Timer } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import type { Client } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";

const namespace = "kube-node-lease";
/** The node counts as lost after this; it is renewed four times as often. */
const durationSeconds = 40;
const renewMs = 10_000;

/** The node's sign of life: a Lease that is renewed every ten seconds. */
export class NodeLease {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #nodeName: string;
  #timer: Timer | undefined;
  #renewing = false;

  constructor(options: { client: Client; clock: Clock; logger: Logger; nodeName: string }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#nodeName = options.nodeName;
  }

  /** Once the Node is registered. */
  start(): void {
    const beat = (): void => {
      if (this.#renewing) return;
      this.#renewing = true;
      this.renew()
        .catch((error: unknown) =>
          this.#logger.warn("renewing the node's lease failed", { error: String(error) }),
        )
        .finally(() => (this.#renewing = false));
    };
    beat();
    this.#timer = this.#clock.every(renewMs, beat);
  }

  stop(): void {
    this.#timer?.stop();
  }

  /** Renews the lease, or makes it. */
  async renew(): Promise<void> {
    const leases = this.#client.resource(resources.leases);
    const renewTime = formatMicroTime(this.#clock.now());
    const spec = { holderIdentity: this.#nodeName, leaseDurationSeconds: durationSeconds, renewTime };
    try {
      await leases.patch(this.#nodeName, { spec }, { type: "merge", namespace });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // The Node may be another than the one that was registered: a lease of the former would be collected as its orphan.
      const node = await this.#client.resource(resources.nodes).get(this.#nodeName);
      await leases.create(newLease(this.#nodeName, node, spec), { namespace }).catch((reason: unknown) => {
        if (!isAlreadyExists(reason)) throw reason;
      });
    }
  }
}

function newLease(name: string, node: Node, spec: Lease["spec"]): Lease {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name,
      namespace,
      ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid: node.metadata.uid ?? "" }],
    },
    spec,
  };
}
