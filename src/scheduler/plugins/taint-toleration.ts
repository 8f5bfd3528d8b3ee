import { nodeChanged } from "../cluster-event.ts";
import { normalize, type Plugin, unresolvable } from "../framework.ts";
import { tolerates } from "../node-matching.ts";

// Since 1.35 the message leaves out which taint it was.
const rejection = unresolvable("node(s) had untolerated taint(s)");

/** Refuses nodes whose taints the pod does not tolerate, and prefers those with the fewest that it would rather avoid. */
export const taintToleration: Plugin = {
  name: "TaintToleration",
  weight: 3,
  preFilter({ tolerations }) {
    return {
      filter: {
        filter: ({ hardTaints }) =>
          hardTaints.every((taint) => tolerates(tolerations, taint)) ? undefined : rejection,
      },
    };
  },
  preScore({ tolerations }, nodes) {
    if (nodes.every(({ softTaints }) => softTaints.length === 0)) return undefined;
    const soft = tolerations.filter(({ effect = "" }) => effect === "" || effect === "PreferNoSchedule");
    return (nodes) =>
      normalize(
        nodes.map(({ softTaints }) => softTaints.filter((taint) => !tolerates(soft, taint)).length),
        true,
      );
  },
  wakes: (event) => nodeChanged(event, "taints"),
};
