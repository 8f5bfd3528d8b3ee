import type { Pod } from "../../api/types/core-v1.ts";
import { nodeChanged } from "../cluster-event.ts";
import { normalize, type Plugin, unresolvable } from "../framework.ts";
import { nodeTermPredicate, requiredNodeAffinity } from "../node-matching.ts";

const rejection = unresolvable("node(s) didn't match Pod's node affinity/selector");
const conflict = unresolvable("pod affinity terms conflict");

/** `spec.nodeSelector`, required node affinity, and the weight of what is preferred. */
export const nodeAffinity: Plugin = {
  name: "NodeAffinity",
  weight: 2,
  preFilter({ pod }) {
    const matches = requiredNodeAffinity(pod);
    if (matches === undefined) return undefined;
    const filter = {
      filter: ({ node }: { node: Parameters<typeof matches>[0] }) => (matches(node) ? undefined : rejection),
    };
    const nodeNames = namedNodes(pod);
    if (nodeNames === undefined) return { filter };
    return nodeNames.size === 0 ? { rejection: conflict } : { filter, nodeNames };
  },
  preScore({ spec }) {
    const terms = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (terms.length === 0) return undefined;
    const weighted = terms
      .filter(({ weight }) => weight !== 0)
      .map(({ weight, preference }) => ({ weight, matches: nodeTermPredicate(preference) }));
    return (nodes) =>
      normalize(
        nodes.map(({ node }) =>
          weighted.reduce((sum, { weight, matches }) => sum + (matches(node) ? weight : 0), 0),
        ),
      );
  },
  wakes: (event) => nodeChanged(event, "labels"),
};

/**
 * The nodes that the pod names by `metadata.name`, as pods of a DaemonSet do: nothing else needs to be looked at.
 * Undefined when one of the terms names none.
 */
function namedNodes({ spec }: Pod): Set<string> | undefined {
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return undefined;
  const all = new Set<string>();
  for (const { matchFields = [] } of required.nodeSelectorTerms ?? []) {
    const named = matchFields
      .filter(({ key, operator }) => key === "metadata.name" && operator === "In")
      .map(({ values = [] }) => new Set(values));
    const [first, ...others] = named;
    if (first === undefined) return undefined;
    for (const name of first) if (others.every((names) => names.has(name))) all.add(name);
  }
  return all;
}
