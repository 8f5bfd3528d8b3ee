import type { Node, NodeSelector, NodeSelectorTerm, Pod, Taint, Toleration } from "../api/types/core-v1.ts";
import {
  nothing,
  type Selector,
  selectorFromMap,
  selectorFromNodeRequirements,
} from "../apimachinery/labels.ts";

export type NodePredicate = (node: Node) => boolean;

/** What `spec.nodeSelector` and required node affinity demand; undefined when they demand nothing. */
export function requiredNodeAffinity(pod: Pod): NodePredicate | undefined {
  const predicates: NodePredicate[] = [];
  const { nodeSelector } = pod.spec ?? {};
  if (nodeSelector !== undefined && Object.keys(nodeSelector).length > 0) {
    const selector = selectorFromMap(nodeSelector);
    predicates.push((node) => selector.matches(node.metadata.labels));
  }
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required !== undefined) predicates.push(nodeSelectorPredicate(required));
  if (predicates.length === 0) return undefined;
  return (node) => predicates.every((matches) => matches(node));
}

/** Matches when one of the terms does. */
export function nodeSelectorPredicate(selector: NodeSelector): NodePredicate {
  const terms = (selector.nodeSelectorTerms ?? []).map(nodeTermPredicate);
  return (node) => terms.some((matches) => matches(node));
}

/** A term that says nothing matches no node. */
export function nodeTermPredicate({
  matchExpressions = [],
  matchFields = [],
}: NodeSelectorTerm): NodePredicate {
  if (matchExpressions.length === 0 && matchFields.length === 0) return () => false;
  const labels = parseRequirements(matchExpressions);
  const fields = parseRequirements(matchFields);
  return (node) =>
    labels.matches(node.metadata.labels) && fields.matches({ "metadata.name": node.metadata.name ?? "" });
}

/** Requirements that cannot be parsed match nothing, as in Kubernetes, instead of stopping the scheduler. */
function parseRequirements(requirements: NodeSelectorTerm["matchExpressions"]): Selector {
  try {
    return selectorFromNodeRequirements(requirements ?? []);
  } catch {
    return nothing;
  }
}

/** k8s.io/component-helpers/scheduling/corev1: whether one of the tolerations tolerates the taint. */
export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => {
    if ((toleration.effect ?? "") !== "" && toleration.effect !== taint.effect) return false;
    if ((toleration.key ?? "") !== "" && toleration.key !== taint.key) return false;
    const { operator = "Equal" } = toleration;
    if (operator === "Exists") return true;
    return (operator === "Equal" || operator === "") && (toleration.value ?? "") === (taint.value ?? "");
  });
}

export function isHardTaint({ effect }: Taint): boolean {
  return effect === "NoSchedule" || effect === "NoExecute";
}
