import type { Node, Pod } from "../../api/types/core-v1.ts";
import { setCondition } from "../../apimachinery/conditions.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration, ReconcileResult } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { toleratedMs } from "./tolerance.ts";

/**
 * Evicts pods from nodes with NoExecute taints that they do not tolerate, or not for ever. Keys are pods.
 * (Mirrors pkg/controller/tainteviction.)
 */
export const taintEvictionController: ControllerRegistration = {
  name: "taint-eviction-controller",
  setup(context) {
    const nodes = context.informers.informer(resources.nodes);
    const pods = context.informers.informer(resources.pods);
    pods.addIndex("node", (pod) => [pod.spec.nodeName ?? ""]);
    const evictions = new Evictions(context, nodes, pods);
    return {
      workers: 4,
      reconcile: (key) => evictions.reconcile(key),
      watches: [
        watch(nodes, ({ metadata }) => pods.byIndex("node", metadata.name ?? "").map(keyOf), {
          when: (old, node) => JSON.stringify(old.spec.taints) !== JSON.stringify(node.spec.taints),
        }),
        watch(pods, enqueueSelf, { when: concernsEviction }),
      ],
    };
  },
};

/** Where a pod is, what it tolerates, and whether it goes anyway. */
const concernsEviction = (old: Pod, pod: Pod): boolean =>
  old.metadata.uid !== pod.metadata.uid ||
  isBeingDeleted(old) !== isBeingDeleted(pod) ||
  (old.spec !== pod.spec &&
    (old.spec.nodeName !== pod.spec.nodeName || !deepEqual(old.spec.tolerations, pod.spec.tolerations)));

class Evictions {
  readonly #context: ControllerContext;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  /** Since when a pod's time runs, by its uid. Tolerance counts from when the taint was first seen with the pod. */
  readonly #since = new Map<string, number>();
  readonly #uids = new Map<string, string>();

  constructor(context: ControllerContext, nodes: Informer<Node>, pods: Informer<Pod>) {
    this.#context = context;
    this.#nodes = nodes;
    this.#pods = pods;
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const pod = this.#pods.getByKey(key);
    const uid = pod?.metadata.uid ?? "";
    if (pod === undefined || this.#uids.get(key) !== uid) this.#since.delete(this.#uids.get(key) ?? "");
    if (pod === undefined) {
      this.#uids.delete(key);
      return undefined;
    }
    this.#uids.set(key, uid);
    if (isBeingDeleted(pod) || (pod.spec.nodeName ?? "") === "") return undefined;
    const { taints = [] } = this.#nodes.get(pod.spec.nodeName ?? "")?.spec ?? {};
    const tolerated = toleratedMs(
      pod,
      taints.filter(({ effect }) => effect === "NoExecute"),
    );
    if (tolerated === Number.POSITIVE_INFINITY) {
      this.#cancel(pod);
      return undefined;
    }
    const nowMs = this.#context.clock.now();
    const sinceMs = this.#since.get(uid) ?? nowMs;
    this.#since.set(uid, sinceMs);
    const leftMs = sinceMs + tolerated - nowMs;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await this.#evict(pod);
    return undefined;
  }

  #cancel(pod: Pod): void {
    if (!this.#since.delete(pod.metadata.uid ?? "")) return;
    const message = `Cancelling deletion of Pod ${keyOf(pod)}`;
    this.#context.events.event(pod, "Normal", "TaintManagerEviction", message);
  }

  async #evict(pod: Pod): Promise<void> {
    const { client, clock, events } = this.#context;
    const { name = "", namespace, uid = "" } = pod.metadata;
    events.event(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${keyOf(pod)}`);
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "DeletionByTaintManager",
      message: "Taint manager: deleting due to NoExecute taint",
    };
    const conditions = setCondition(pod.status?.conditions, condition, clock.now());
    const resource = client.resource(resources.pods);
    try {
      await resource.patch(
        name,
        { metadata: { uid }, status: { conditions } },
        { type: "strategic", namespace, subresource: "status" },
      );
      await resource.delete(name, { namespace, preconditions: { uid } });
    } catch (error) {
      // What meets a conflict is looked at again: another pod may have the name by now.
      if (!isNotFound(error)) throw error;
    }
  }
}
