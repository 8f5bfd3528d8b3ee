import { join } from "node:path";
import type { Instance } from "./instance.ts";
import { writeDurably } from "./machine-register.ts";

/** The instance with so many nodes, from its next start on. */
export function keepNodes(instance: Instance, nodes: number | undefined): Instance {
  if (nodes === undefined || nodes === instance.settings.nodes) return instance;
  const settings = { ...instance.settings, nodes };
  writeDurably(join(instance.directory, "instance.json"), `${JSON.stringify(settings, undefined, 2)}\n`);
  return { ...instance, settings };
}
