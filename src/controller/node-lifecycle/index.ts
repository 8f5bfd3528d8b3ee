import type { Node, NodeCondition, Pod, Taint } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration, ReconcileResult } from "../controller.ts";
import { watch } from "../watch.ts";

/** A node that renewed no lease for so long is Unknown, as `--node-monitor-grace-period` defaults to since 1.32. */
const graceMs = 50_000;
const unreachable = "node.kubernetes.io/unreachable";
const notReady = "node.kubernetes.io/not-ready";

/** Conditions that become taints against scheduling: condition → status → taint. */
const taintOf: readonly (readonly [condition: string, status: string, key: string])[] = [
  ["Ready", "False", notReady],
  ["Ready", "Unknown", unreachable],
  ["MemoryPressure", "True", "node.kubernetes.io/memory-pressure"],
  ["DiskPressure", "True", "node.kubernetes.io/disk-pressure"],
  ["PIDPressure", "True", "node.kubernetes.io/pid-pressure"],
  ["NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"],
];
const ownTaints = new Set([...taintOf.map(([, , key]) => key), "node.kubernetes.io/unschedulable"]);

/**
 * Watches over nodes: one whose lease is not renewed becomes Unknown; conditions become taints; pods that do not tolerate a
 * NoExecute taint are evicted in their time. Keys are `node NAME` and `pod NAMESPACE/NAME`.
 */
export const nodeLifecycleController: ControllerRegistration = {
  name: "node-lifecycle-controller",
  setup(context) {
    const { informers, clock } = context;
    const nodes = informers.informer(resources.nodes);
    const pods = informers.informer(resources.pods);
    const leases = informers.informer(resources.leases, { namespace: "kube-node-lease" });
    pods.addIndex("node", (pod) => [pod.spec.nodeName ?? ""]);
    /** When a lease of the node was last seen to change, on our own clock: the node's clock may be wrong. */
    const heardAtMs = new Map<string, { renewed: string; atMs: number }>();

    async function reconcileNode(name: string): Promise<ReconcileResult | undefined> {
      const node = nodes.get(name);
      if (node === undefined) {
        heardAtMs.delete(name);
        return undefined;
      }
      const renewed = leases.get(name, "kube-node-lease")?.spec.renewTime ?? heartbeatOf(node);
      if (heardAtMs.get(name)?.renewed !== renewed) heardAtMs.set(name, { renewed, atMs: clock.now() });
      const silentMs = clock.now() - (heardAtMs.get(name)?.atMs ?? clock.now());
      const current = silentMs >= graceMs ? await markUnknown(context, node) : node;
      await taintByConditions(context, current);
      return { requeueAfterMs: Math.max(1000, graceMs - silentMs) };
    }

    return {
      workers: 4,
      watches: [
        watch(nodes, (node) => [
          `node ${node.metadata.name}`,
          ...pods.byIndex("node", node.metadata.name ?? "").map((pod) => `pod ${keyOf(pod)}`),
        ]),
        watch(pods, (pod) => ((pod.spec.nodeName ?? "") === "" ? [] : [`pod ${keyOf(pod)}`])),
      ],
      async reconcile(key) {
        const [what, name = ""] = key.split(" ");
        if (what === "node") return await reconcileNode(name);
        const pod = pods.getByKey(name);
        const node = nodes.get(pod?.spec.nodeName ?? "");
        if (pod === undefined || node === undefined) return undefined;
        return await evictIfNotTolerated(context, pod, node);
      },
    };
  },
};

const heartbeatOf = (node: Node): string =>
  (node.status?.conditions ?? []).find(({ type }) => type === "Ready")?.lastHeartbeatTime ?? "";

async function markUnknown(context: ControllerContext, node: Node): Promise<Node> {
  const ready = (node.status?.conditions ?? []).find(({ type }) => type === "Ready");
  if (ready?.status === "Unknown") return node;
  const time = formatTime(context.clock.now());
  const unknown = (type: string): NodeCondition => ({
    ...(node.status?.conditions ?? []).find((condition) => condition.type === type),
    type,
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
    lastTransitionTime: time,
  });
  const changed = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
  const conditions = [
    ...(node.status?.conditions ?? []).filter(({ type }) => !changed.includes(type)),
    ...changed.map(unknown),
  ];
  context.events.event(
    node,
    "Normal",
    "NodeNotReady",
    `Node ${node.metadata.name} status is now: NodeNotReady`,
  );
  try {
    return await context.client
      .resource(resources.nodes)
      .updateStatus({ ...node, status: { ...node.status, conditions } });
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return node;
    throw error;
  }
}

async function taintByConditions(context: ControllerContext, node: Node): Promise<void> {
  const current = node.spec.taints ?? [];
  const wanted: Taint[] = current.filter(({ key }) => !ownTaints.has(key));
  const keep = (key: string, effect: string): void => {
    const known = current.find((taint) => taint.key === key && taint.effect === effect);
    wanted.push(
      known ?? {
        key,
        effect,
        ...(effect === "NoExecute" ? { timeAdded: formatTime(context.clock.now()) } : {}),
      },
    );
  };
  if (node.spec.unschedulable === true) keep("node.kubernetes.io/unschedulable", "NoSchedule");
  for (const [type, status, key] of taintOf) {
    const holds = (node.status?.conditions ?? []).some(
      (condition) => condition.type === type && condition.status === status,
    );
    if (!holds) continue;
    keep(key, "NoSchedule");
    if (key === notReady || key === unreachable) keep(key, "NoExecute");
  }
  if (sameTaints(current, wanted)) return;
  try {
    await context.client
      .resource(resources.nodes)
      .update({ ...node, spec: { ...node.spec, taints: wanted } });
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

function sameTaints(a: readonly Taint[], b: readonly Taint[]): boolean {
  const sorted = (list: readonly Taint[]): unknown =>
    list.map(({ key, effect, value }) => `${key} ${effect} ${value ?? ""}`).toSorted();
  return deepEqual(sorted(a), sorted(b));
}

/** Evicts the pod now, or says when, or leaves it. */
async function evictIfNotTolerated(
  context: ControllerContext,
  pod: Pod,
  node: Node,
): Promise<ReconcileResult | undefined> {
  if (isBeingDeleted(pod)) return undefined;
  const taints = (node.spec.taints ?? []).filter(({ effect }) => effect === "NoExecute");
  if (taints.length === 0) return undefined;
  let leftMs = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const tolerating = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    if (tolerating.length === 0) leftMs = 0;
    const seconds = tolerating.flatMap(({ tolerationSeconds }) =>
      tolerationSeconds === undefined ? [] : [tolerationSeconds],
    );
    if (seconds.length > 0) {
      const sinceMs = Date.parse(taint.timeAdded ?? "") || context.clock.now();
      leftMs = Math.min(leftMs, sinceMs + Math.max(0, Math.min(...seconds)) * 1000 - context.clock.now());
    }
  }
  if (leftMs === Number.POSITIVE_INFINITY) return undefined;
  if (leftMs > 0) return { requeueAfterMs: leftMs };
  context.events.event(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${keyOf(pod)}`);
  const { name = "", namespace, uid = "" } = pod.metadata;
  try {
    await context.client.resource(resources.pods).delete(name, { namespace, preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return undefined;
}

function tolerates(toleration: NonNullable<Pod["spec"]["tolerations"]>[number], taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== "" && toleration.effect !== taint.effect)
    return false;
  if ((toleration.key ?? "") !== "" && toleration.key !== taint.key) return false;
  if (toleration.operator === "Exists") return true;
  return (toleration.key ?? "") !== "" && (toleration.value ?? "") === (taint.value ?? "");
}
