import { freePort } from "../../../../test/harness/cluster.ts";
import type { InstanceSettings } from "../../instance.ts";

/** The settings of a cluster that was made before, on a port that nobody has. */
export async function settingsOf<R extends InstanceSettings["runtime"]>(runtime: R) {
  return {
    index: 7,
    runtime,
    apiPort: await freePort(),
    podCidr: "10.237.0.0/16",
    serviceCidr: "10.103.0.0/16",
    dnsAddress: "10.103.0.10",
    interfacePrefix: "s7lab",
  };
}
