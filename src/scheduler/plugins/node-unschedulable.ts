import type { Taint } from "../../api/types/core-v1.ts";
import { nodeChanged } from "../cluster-event.ts";
import { type Plugin, unresolvable } from "../framework.ts";
import { tolerates } from "../node-matching.ts";

const rejection = unresolvable("node(s) were unschedulable");
const cordoned: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** Keeps pods off cordoned nodes, unless they tolerate the taint that stands for it. */
export const nodeUnschedulable: Plugin = {
  name: "NodeUnschedulable",
  preFilter(pod) {
    if (tolerates(pod.tolerations, cordoned)) return undefined;
    return { filter: { filter: ({ node }) => (node.spec?.unschedulable === true ? rejection : undefined) } };
  },
  wakes: (event) => nodeChanged(event, "unschedulable", "taints"),
};
