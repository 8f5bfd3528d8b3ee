import type { Pod } from "../../api/types/core-v1.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Client } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";

/** Handlers that mean what this node runs anyway, besides the runtime's own name. */
const plainHandlers: ReadonlySet<string> = new Set(["crun", "runc"]);

/** Throws when the pod asks for a runtime that the node does not have. */
export async function checkRuntimeClass(client: Client, pod: Pod, runtimeName: string): Promise<void> {
  const name = pod.spec?.runtimeClassName ?? "";
  if (name === "") return;
  try {
    const { handler } = await client.resource(resources.runtimeclasses).get(name);
    if (handler === runtimeName || plainHandlers.has(handler)) return;
    throw new Error(`failed to get sandbox runtime: no runtime for "${handler}" is configured`);
  } catch (error) {
    if (isNotFound(error)) throw new Error(`runtimeclass.node.k8s.io "${name}" not found`, { cause: error });
    throw error;
  }
}
