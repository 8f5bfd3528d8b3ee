import { RealClock } from "../apimachinery/clock.ts";
import { type Client, newClient } from "../client/client.ts";
import { HttpsTransport } from "../client/https-transport.ts";
import { loadKubeconfig, resolveContext } from "../client/kubeconfig.ts";
import type { Instance } from "../cluster/instance.ts";
import { contextName, kubeconfigFile } from "../cluster/names.ts";

/** A client of an instance, as its administrator. */
export async function connect(instance: Instance): Promise<{ client: Client; close: () => void }> {
  const kubeconfig = loadKubeconfig([kubeconfigFile(instance.directory)]);
  const context = resolveContext(kubeconfig, { context: contextName(instance.name) });
  const transport = new HttpsTransport({ ...context.transport, clock: new RealClock() });
  return { client: newClient(transport), close: () => transport.close() };
}
