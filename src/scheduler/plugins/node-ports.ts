import { nodeChanged } from "../cluster-event.ts";
import { type Plugin, unschedulable } from "../framework.ts";
import type { HostPort } from "../pod-info.ts";

const rejection = unschedulable("node(s) didn't have free ports for the requested pod ports");
const allAddresses = "0.0.0.0";

/** Two pods of one node cannot listen on the same port of the host. */
export const nodePorts: Plugin = {
  name: "NodePorts",
  preFilter({ hostPorts }) {
    if (hostPorts.length === 0) return undefined;
    return {
      filter: {
        filter(node) {
          for (const used of node.hostPorts) {
            if (hostPorts.some((wanted) => conflicts(wanted, used))) return rejection;
          }
          return undefined;
        },
      },
    };
  },
  wakes: (event) => event.type === "podGone" || nodeChanged(event),
};

function conflicts(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === allAddresses || b.ip === allAddresses;
}
