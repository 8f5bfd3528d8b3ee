import type { Node, NodeSelectorTerm, Pod, Taint, Toleration } from "../../api/types/core-v1.ts";
import { selectorFromNodeRequirements } from "../../apimachinery/labels.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { Rejection } from "../node-context.ts";
import { appContainers, initContainers } from "./pod-spec.ts";
import { unsupportedByNode } from "./support.ts";

/**
 * Whether a pod that was bound to this node may run here. The scheduler has looked before; this catches what it could
 * not know, and pods that name their node themselves. Mirrors pkg/kubelet/lifecycle/predicate.go.
 */
export function admitPod(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  return (
    lacking(pod, node, others) ??
    mismatching(pod, node) ??
    untolerated(pod, node) ??
    conflicting(pod, others) ??
    foreignSystem(pod) ??
    unsupportedByNode(pod)
  );
}

function lacking(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  const allocatable = node.status?.allocatable ?? {};
  const pods = Number(allocatable["pods"] ?? "110");
  if (others.length + 1 > pods) return outOf("pods", 1n, BigInt(others.length), BigInt(pods));
  const requests = podRequests(pod);
  for (const [name, requested] of requests) {
    if (requested.isZero()) continue;
    const capacity = Quantity.parse(allocatable[name] ?? "0");
    let used = Quantity.fromInteger(0);
    for (const other of others) used = used.add(podRequests(other).get(name) ?? Quantity.fromInteger(0));
    if (used.add(requested).compare(capacity) <= 0) continue;
    const unit = (quantity: Quantity): bigint => (name === "cpu" ? quantity.milliValue() : quantity.value());
    return outOf(name, unit(requested), unit(used), unit(capacity));
  }
  return undefined;
}

function outOf(name: string, requested: bigint, used: bigint, capacity: bigint): Rejection {
  return {
    reason: `OutOf${name}`,
    message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}

/** Specs are frozen and looked at again for every pod that comes. */
const known = new WeakMap<object, Map<string, Quantity>>();

/** What a pod asks for, by resource. */
export function podRequests(pod: Pod): ReadonlyMap<string, Quantity> {
  if (pod.spec === undefined) return new Map();
  const cached = known.get(pod.spec) ?? sumRequests(pod);
  known.set(pod.spec, cached);
  return cached;
}

/** All app containers and sidecars, or its greatest init container with the sidecars before it. */
function sumRequests(pod: Pod): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  const add = (target: Map<string, Quantity>, requests: Readonly<Record<string, string>> = {}): void => {
    for (const [name, text] of Object.entries(requests)) {
      const quantity = Quantity.parse(text);
      target.set(name, target.get(name)?.add(quantity) ?? quantity);
    }
  };
  for (const { container } of appContainers(pod)) add(total, container.resources?.requests);
  const sidecars = new Map<string, Quantity>();
  const peaks: Map<string, Quantity>[] = [];
  for (const { kind, container } of initContainers(pod)) {
    if (kind === "sidecar") {
      add(total, container.resources?.requests);
      add(sidecars, container.resources?.requests);
    } else {
      const peak = new Map(sidecars);
      add(peak, container.resources?.requests);
      peaks.push(peak);
    }
  }
  for (const peak of peaks) {
    for (const [name, quantity] of peak) {
      const present = total.get(name);
      if (present === undefined || present.compare(quantity) < 0) total.set(name, quantity);
    }
  }
  for (const [name, text] of Object.entries(pod.spec?.resources?.requests ?? {}))
    total.set(name, Quantity.parse(text));
  add(total, pod.spec?.overhead);
  return total;
}

function mismatching(pod: Pod, node: Node): Rejection | undefined {
  const labels = node.metadata.labels ?? {};
  const { nodeSelector = {}, affinity } = pod.spec ?? {};
  const plain = Object.entries(nodeSelector).every(([key, value]) => labels[key] === value);
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (plain && (terms === undefined || terms.some((term) => termMatches(term, node)))) return undefined;
  return {
    reason: "NodeAffinity",
    message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  };
}

function termMatches({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const fields = { "metadata.name": node.metadata.name ?? "" };
  return (
    selectorFromNodeRequirements(matchExpressions).matches(node.metadata.labels) &&
    selectorFromNodeRequirements(matchFields).matches(fields)
  );
}

/** Only NoExecute counts here: what may not be scheduled may still be put here by name. */
function untolerated(pod: Pod, node: Node): Rejection | undefined {
  const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === "NoExecute");
  const missing = taints.find((taint) => !(pod.spec?.tolerations ?? []).some((one) => tolerates(one, taint)));
  if (missing === undefined) return undefined;
  return {
    reason: "TaintToleration",
    message: "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
  };
}

function tolerates(
  { key = "", operator = "Equal", value = "", effect = "" }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  return operator === "Exists" || (key !== "" && value === (taint.value ?? ""));
}

function conflicting(pod: Pod, others: readonly Pod[]): Rejection | undefined {
  const taken = others.flatMap(hostPorts);
  const clash = hostPorts(pod).some((port) => taken.some((other) => clashes(port, other)));
  if (!clash) return undefined;
  return {
    reason: "NodePorts",
    message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  };
}

interface HostPort {
  readonly ip: string;
  readonly port: number;
  readonly protocol: string;
}

function hostPorts(pod: Pod): HostPort[] {
  return appContainers(pod).flatMap(({ container }) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, hostIP = "", protocol = "TCP" }) =>
      hostPort === 0 ? [] : [{ ip: hostIP === "0.0.0.0" ? "" : hostIP, port: hostPort, protocol }],
    ),
  );
}

function clashes(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === "" || b.ip === "");
}

function foreignSystem(pod: Pod): Rejection | undefined {
  const wanted = pod.spec?.os?.name ?? "linux";
  if (wanted === "linux") return undefined;
  return {
    reason: "PodOSNotSupported",
    message: `Failed to admit pod as the OS field doesn't match node OS`,
  };
}
