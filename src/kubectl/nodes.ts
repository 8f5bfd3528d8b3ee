import { isObject } from "../apimachinery/json.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import type { CommandContext } from "./command.ts";
import { dryRunOf, writeQuery } from "./writing.ts";

/** The nodes that the arguments or `-l` name. */
export async function nodesOf({ args, flags, session }: CommandContext): Promise<UnstructuredObject[]> {
  const labelSelector = flags.string("selector");
  if (labelSelector !== "") {
    const list = await session.api.list({ resource: resources.nodes }, { query: { labelSelector } });
    return list["items"] as UnstructuredObject[];
  }
  const nodes: UnstructuredObject[] = [];
  for (const arg of args) {
    const name = arg.replace(/^nodes?\//, "");
    nodes.push(await session.api.get({ resource: resources.nodes, name }));
  }
  return nodes;
}

/** Cordons or uncordons a node, and prints what was done. */
export async function setUnschedulable(
  { flags, session, io }: CommandContext,
  node: UnstructuredObject,
  unschedulable: boolean,
): Promise<void> {
  const name = node.metadata.name ?? "";
  const dryRun = dryRunOf(flags);
  const ending = { none: "", client: " (dry run)", server: " (server dry run)" }[dryRun];
  const outcome = unschedulable ? "cordoned" : "uncordoned";
  const spec = isObject(node["spec"]) ? node["spec"] : {};
  if ((spec["unschedulable"] === true) === unschedulable) {
    io.out(`node/${name} already ${outcome}${ending}\n`);
    return;
  }
  if (dryRun !== "client") {
    const patch = { spec: { unschedulable: unschedulable ? true : null } };
    await session.api.patch({ resource: resources.nodes, name }, "strategic", patch, writeQuery(flags));
  }
  io.out(`node/${name} ${outcome}${ending}\n`);
}
