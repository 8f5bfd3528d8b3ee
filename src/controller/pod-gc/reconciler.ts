import type { Node, Pod, PodCondition } from "../../api/types/core-v1.ts";
import { isConditionTrue, setCondition } from "../../apimachinery/conditions.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { isPodTerminal } from "../pods.ts";

/** Ended pods are kept up to this number, as `--terminated-pod-gc-threshold` defaults to. */
const keepEnded = 12_500;
/** A node that is missing may come back within this time. */
const quarantineMs = 40_000;

const outOfService = "node.kubernetes.io/out-of-service";

/**
 * Removes pods of nodes that are gone or declared out of service, pods deleted before they had a node, and the oldest of
 * those that have ended when there are too many. (Mirrors pkg/controller/podgc/gc_controller.go.)
 */
export class PodCollector {
  readonly #context: ControllerContext;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  /** Since when a node that pods name is missing. */
  readonly #missingSince = new Map<string, number>();
  readonly #keepEnded: number;

  constructor(context: ControllerContext, { keep = keepEnded }: { readonly keep?: number } = {}) {
    this.#context = context;
    this.#keepEnded = keep;
    this.#nodes = context.informers.informer(resources.nodes);
    this.#pods = context.informers.informer(resources.pods);
    this.#pods.addIndex("node", (pod) => [pod.spec.nodeName ?? ""]);
    this.#pods.addIndex("ended", (pod) => (isPodTerminal(pod) ? ["yes"] : []));
    this.#nodes.addHandler({ added: ({ metadata }) => void this.#missingSince.delete(metadata.name ?? "") });
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const pod = this.#pods.getByKey(key);
    if (pod === undefined) return undefined;
    const { nodeName = "" } = pod.spec;
    if (nodeName === "") {
      if (isBeingDeleted(pod)) await this.#failAndDelete(pod);
      return undefined;
    }
    const node = this.#nodes.get(nodeName);
    if (node === undefined) return await this.#collectOrphan(pod, nodeName);
    if (isBeingDeleted(pod) && isOutOfService(node)) await this.#failAndDelete(pod);
    else if (isPodTerminal(pod)) await this.#trimEnded();
    return undefined;
  }

  async #collectOrphan(pod: Pod, nodeName: string): Promise<ReconcileResult | undefined> {
    const { clock } = this.#context;
    const sinceMs = this.#missingSince.get(nodeName) ?? clock.now();
    this.#missingSince.set(nodeName, sinceMs);
    const leftMs = sinceMs + quarantineMs - clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    // A cache that lags must not cost a node its pods.
    if (await this.#nodeExists(nodeName)) return { requeueAfterMs: quarantineMs };
    await this.#failAndDelete(pod, {
      type: "DisruptionTarget",
      status: "True",
      reason: "DeletionByPodGC",
      message: "PodGC: node no longer exists",
    });
    return undefined;
  }

  async #nodeExists(name: string): Promise<boolean> {
    try {
      await this.#context.client.resource(resources.nodes).get(name);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Evicted pods go first, then the oldest. */
  async #trimEnded(): Promise<void> {
    const ended = this.#pods.byIndex("ended", "yes").filter((pod) => !isBeingDeleted(pod));
    if (ended.length <= this.#keepEnded) return;
    const inOrder = ended.toSorted((a, b) => {
      const [first, second] = [a, b].map(({ status }) => status?.reason === "Evicted");
      if (first !== second) return first === true ? -1 : 1;
      return (a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1;
    });
    for (const pod of inOrder.slice(0, ended.length - this.#keepEnded)) await this.#failAndDelete(pod);
  }

  /** Nobody will report its end any more. A patch, since patching is all that this controller's role may do. */
  async #failAndDelete(pod: Pod, condition?: PodCondition): Promise<void> {
    const { client, clock } = this.#context;
    const { name = "", namespace, uid = "" } = pod.metadata;
    const resource = client.resource(resources.pods);
    try {
      if (!isPodTerminal(pod)) {
        const conditions =
          condition === undefined ? undefined : setCondition(pod.status?.conditions, condition, clock.now());
        await resource.patch(
          name,
          {
            metadata: { uid },
            status: { phase: "Failed", ...(conditions === undefined ? {} : { conditions }) },
          },
          { type: "strategic", namespace, subresource: "status" },
        );
      }
      await resource.delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Somebody has declared that the node is off: what it runs cannot harm any more. */
/** Declared so, and silent. */
export const isOutOfService = ({ spec, status }: Node): boolean =>
  !isConditionTrue(status?.conditions, "Ready") &&
  (spec.taints ?? []).some(({ key }) => key === outOfService);
