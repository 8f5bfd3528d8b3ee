import type { DaemonSet } from "../../api/types/apps-v1.ts";
import type {
  Node,
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Taint,
  Toleration,
} from "../../api/types/core-v1.ts";
import { selectorFromMap, selectorFromNodeRequirements } from "../../apimachinery/labels.ts";

/** What a daemon bears besides what its template says: it runs also on nodes that are in trouble. */
const daemonTolerations: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const hostNetworkToleration: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

/** The template's tolerations and those of every daemon, each once. */
export function daemonTolerationsOf({ tolerations = [], hostNetwork }: PodSpec): Toleration[] {
  const own = hostNetwork === true ? [...daemonTolerations, hostNetworkToleration] : daemonTolerations;
  const isSame = (a: Toleration, b: Toleration): boolean =>
    a.key === b.key && a.effect === b.effect && a.operator === b.operator && a.value === b.value;
  return [
    ...tolerations,
    ...own.filter((toleration) => !tolerations.some((given) => isSame(given, toleration))),
  ];
}

/** Ties a pod to one node by name; the scheduler still decides whether it fits there. */
export function tieToNode(spec: PodSpec, nodeName: string): void {
  const matchFields = [{ key: "metadata.name", operator: "In", values: [nodeName] }];
  const nodeAffinity: NodeAffinity = {
    ...spec.affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
  };
  spec.affinity = { ...spec.affinity, nodeAffinity };
}

/** The node that a daemon pod is on, or is meant for. */
export function nodeNameOf({ spec }: Pod): string | undefined {
  if (spec.nodeName !== undefined && spec.nodeName !== "") return spec.nodeName;
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  for (const { matchFields = [] } of terms ?? []) {
    const byName = matchFields.find(({ key, operator }) => key === "metadata.name" && operator === "In");
    if (byName?.values?.length === 1) return byName.values[0];
  }
  return undefined;
}

export interface Fit {
  /** A daemon belongs on the node. */
  readonly shouldRun: boolean;
  /** One that is there already may stay. */
  readonly mayStay: boolean;
}

/** Whether the set wants its pod on the node. (Mirrors NodeShouldRunDaemonPod of daemon_controller.go.) */
export function fitOf({ spec }: DaemonSet, node: Node): Fit {
  const template = spec.template.spec ?? { containers: [] };
  const named =
    template.nodeName === undefined || template.nodeName === "" || template.nodeName === node.metadata.name;
  if (!named || !matchesNode(template, node)) return { shouldRun: false, mayStay: false };
  const tolerations = daemonTolerationsOf(template);
  const refused = (node.spec.taints ?? []).filter(
    ({ effect }) => effect === "NoExecute" || effect === "NoSchedule",
  );
  const untolerated = refused.filter(
    (taint) => !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  return {
    shouldRun: untolerated.length === 0,
    mayStay: !untolerated.some(({ effect }) => effect === "NoExecute"),
  };
}

function matchesNode({ nodeSelector, affinity }: PodSpec, node: Node): boolean {
  if (!selectorFromMap(nodeSelector).matches(node.metadata.labels)) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** A term without requirements matches no node. */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    selectorFromNodeRequirements(matchExpressions).matches(node.metadata.labels) &&
    matchFields.every((requirement) => matchesName(requirement, node.metadata.name ?? ""))
  );
}

/** metadata.name is the only field of a node that can be selected. */
function matchesName({ key, operator, values = [] }: NodeSelectorRequirement, name: string): boolean {
  if (key !== "metadata.name") return false;
  return operator === "In" ? values.includes(name) : operator === "NotIn" && !values.includes(name);
}

function tolerates(
  { key = "", operator = "Equal", value = "", effect = "" }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  if (operator === "Exists") return true;
  // Without a key only Exists tolerates everything.
  return key !== "" && operator === "Equal" && value === (taint.value ?? "");
}
