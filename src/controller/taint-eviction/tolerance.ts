import type { Pod, Taint } from "../../api/types/core-v1.ts";

type Toleration = NonNullable<Pod["spec"]["tolerations"]>[number];

/**
 * For how long the pod may stay on a node with these taints, in milliseconds: 0 when one is not tolerated, Infinity when
 * all are for ever. Of several tolerations of one taint the first counts.
 */
export function toleratedMs(pod: Pod, taints: readonly Taint[]): number {
  let toleratedFor = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const used = pod.spec.tolerations?.find((toleration) => tolerates(toleration, taint));
    if (used === undefined) return 0;
    if (used.tolerationSeconds === undefined) continue;
    toleratedFor = Math.min(toleratedFor, Math.max(0, used.tolerationSeconds) * 1000);
  }
  return toleratedFor;
}

function tolerates(
  { key = "", operator = "Equal", value = "", effect = "" }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  if (operator === "Exists") return true;
  return operator === "Equal" && key !== "" && value === (taint.value ?? "");
}
