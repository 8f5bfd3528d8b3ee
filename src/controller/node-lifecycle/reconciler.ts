import type { Lease } from "../../api/types/coordination-v1.ts";
import type { Node, Pod } from "../../api/types/core-v1.ts";
import { findCondition, setCondition } from "../../apimachinery/conditions.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { readiness, unknownStatus, ZoneHealth } from "./health.ts";
import { taintsFor } from "./taints.ts";

/** A node that is silent for so long is Unknown, as `--node-monitor-grace-period` defaults to. */
const graceMs = 50_000;
/** A node that has yet to report for the first time has longer (`--node-startup-grace-period`). */
const startupGraceMs = 60_000;
/** As often a node that is not well is looked at (`--node-monitor-period`). */
const monitorEveryMs = 5000;

interface Heard {
  /** What the node said last. */
  readonly sign: string;
  /** On our own clock: the node's may be wrong. */
  readonly atMs: number;
}

/**
 * Watches over nodes: one that says nothing becomes Unknown, and its pods not ready; conditions become taints.
 * (Mirrors pkg/controller/nodelifecycle/node_lifecycle_controller.go, without the rate limit of evictions.)
 */
export class NodeLifecycleReconciler {
  readonly #context: ControllerContext;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #leases: Informer<Lease>;
  readonly #heard = new Map<string, Heard>();
  readonly #zones = new ZoneHealth();
  /** Names of nodes whose pods have yet to be marked as not ready. */
  readonly #toMark = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#nodes = context.informers.informer(resources.nodes);
    this.#pods = context.informers.informer(resources.pods);
    this.#leases = context.informers.informer(resources.leases, { namespace: "kube-node-lease" });
    this.#pods.addIndex("node", (pod) => [pod.spec.nodeName ?? ""]);
    const zones = this.#zones;
    const unsubscribe = this.#nodes.addHandler({
      added: (node) => zones.set(node),
      updated: (_, node) => zones.set(node),
      deleted: (node) => zones.delete(node),
    });
    const unfollow = this.#leases.addHandler({
      added: (lease) => this.#hear(lease),
      updated: (_, lease) => this.#hear(lease),
    });
    context.signal.addEventListener(
      "abort",
      () => {
        unsubscribe();
        unfollow();
      },
      { once: true },
    );
  }

  async reconcile(name: string): Promise<ReconcileResult | undefined> {
    const node = this.#nodes.get(name);
    if (node === undefined) {
      this.#heard.delete(name);
      this.#toMark.delete(name);
      return undefined;
    }
    const silentMs = this.#silentMs(node);
    const patienceMs = readiness(node) === undefined ? startupGraceMs : graceMs;
    const current = silentMs >= patienceMs ? await this.#markUnknown(node) : node;
    await this.#setTaints(current);
    if (this.#toMark.has(name)) await this.#markPods(name);
    const dueMs = Math.max(100, patienceMs - silentMs);
    // Nothing becomes of a node that is well before it has been silent for too long: whatever it says is heard meanwhile.
    const isWell = readiness(node) === "True" && current === node && !this.#toMark.has(name);
    return { requeueAfterMs: isWell ? dueMs : Math.min(monitorEveryMs, dueMs) };
  }

  /** A node that has renewed its lease need not be looked at for that. */
  #hear({ metadata: { name = "" }, spec }: Lease): void {
    const heard = this.#heard.get(name);
    const node = this.#nodes.get(name);
    if (heard === undefined || node === undefined) return;
    const sign = signOf(spec.renewTime, node);
    if (heard.sign !== sign) this.#heard.set(name, { sign, atMs: this.#context.clock.now() });
  }

  /** For how long neither the lease nor the status has changed. */
  #silentMs(node: Node): number {
    const { name = "" } = node.metadata;
    const nowMs = this.#context.clock.now();
    const sign = signOf(this.#leases.get(name, "kube-node-lease")?.spec.renewTime, node);
    const heard = this.#heard.get(name);
    if (heard?.sign === sign) return nowMs - heard.atMs;
    if (heard === undefined) this.#announce(node);
    this.#heard.set(name, { sign, atMs: nowMs });
    return 0;
  }

  #announce(node: Node): void {
    const { name } = node.metadata;
    const message = `Node ${name} event: Registered Node ${name} in Controller`;
    this.#context.events.event(node, "Normal", "RegisteredNode", message);
  }

  async #markUnknown(node: Node): Promise<Node> {
    if (readiness(node) === "Unknown") return node;
    const { client, clock, events } = this.#context;
    const { name = "" } = node.metadata;
    const status = unknownStatus(node, clock.now());
    const written = await ignoringRaces(client.resource(resources.nodes).updateStatus({ ...node, status }));
    if (written === undefined) return node;
    if (readiness(node) === "True") {
      events.event(node, "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`);
      this.#toMark.add(name);
    }
    return written;
  }

  async #setTaints(node: Node): Promise<void> {
    const { client, clock } = this.#context;
    const evicts = this.#zones.mayEvict(node);
    const taints = taintsFor(node, evicts, clock.now());
    if (taints === node.spec.taints || (taints.length === 0 && node.spec.taints === undefined)) return;
    const patch = {
      metadata: { uid: node.metadata.uid, resourceVersion: node.metadata.resourceVersion },
      spec: { taints: taints.length === 0 ? null : taints },
    };
    const { name = "" } = node.metadata;
    await ignoringRaces(client.resource(resources.nodes).patch(name, patch, { type: "merge" }));
  }

  /** Nobody else will say that these pods are not ready: Services must not send them traffic. */
  async #markPods(node: string): Promise<void> {
    for (const pod of this.#pods.byIndex("node", node)) await this.#markPod(pod);
    this.#toMark.delete(node);
  }

  async #markPod(pod: Pod): Promise<void> {
    const { client, clock, events } = this.#context;
    const ready = findCondition(pod.status?.conditions, "Ready");
    if (ready === undefined || ready.status === "False") return;
    const condition = { ...ready, status: "False", lastTransitionTime: undefined };
    const conditions = setCondition(pod.status?.conditions, condition, clock.now());
    const { name = "", namespace, uid } = pod.metadata;
    try {
      await client
        .resource(resources.pods)
        .patch(
          name,
          { metadata: { uid }, status: { conditions } },
          { type: "strategic", namespace, subresource: "status" },
        );
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return;
    }
    events.event(pod, "Warning", "NodeNotReady", "Node is not ready");
  }
}

/** Of life: another one is heard whenever the node renews its lease or tells its status. */
function signOf(renewTime: string | undefined, node: Node): string {
  const heartbeat = findCondition(node.status?.conditions, "Ready")?.lastHeartbeatTime;
  return `${renewTime ?? ""} ${heartbeat ?? ""}`;
}

/** Undefined when somebody else was faster: their change brings the node back here. */
async function ignoringRaces<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return undefined;
    throw error;
  }
}
