import type { ClusterRole, PolicyRule } from "../../api/types/rbac-v1.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";

/**
 * The rules of every other role that one of the selectors matches: roles in the order of their names, each rule once.
 * An aggregated role may be part of another; whose rules change again when its parts' have.
 */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const parts = (role.aggregationRule?.clusterRoleSelectors ?? []).flatMap((selector) => {
    const labels = selectorFromLabelSelector(selector);
    return all
      .filter(({ metadata }) => metadata.name !== role.metadata.name && labels.matches(metadata.labels))
      .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  });
  const distinct = new Map(
    parts.flatMap(({ rules }) => rules ?? []).map((rule) => [JSON.stringify(rule), rule]),
  );
  return [...distinct.values()];
}
