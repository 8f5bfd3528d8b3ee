import { type Plugin, unresolvable } from "../framework.ts";

const rejection = unresolvable("node(s) didn't match the requested node name");

/** A pod that names its node goes there or nowhere. */
export const nodeName: Plugin = {
  name: "NodeName",
  preFilter({ spec }) {
    const wanted = spec.nodeName ?? "";
    if (wanted === "") return undefined;
    return { filter: { filter: (node) => (node.name === wanted ? undefined : rejection) } };
  },
  wakes: (event) => event.type === "nodeAdded",
};
