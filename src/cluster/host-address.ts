import { networkInterfaces } from "node:os";

/** The machine's own IPv4 address: what nodes and load balancers are reached at. Undefined on a machine without network. */
export function hostAddress(isOwn: (interfaceName: string) => boolean = () => false): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (isOwn(name)) continue;
    const found = addresses?.find(({ family, internal }) => family === "IPv4" && !internal);
    if (found !== undefined) return found.address;
  }
  return undefined;
}

/**
 * Without nodes of its own a cluster is reached at the address that it was told to listen on. One that listens on loopback
 * alone names the machine's address, as kube-apiserver does: no endpoint may be on loopback. Undefined on a machine without
 * a network.
 */
export const reachableAddress = (address = ""): string | undefined =>
  /^\d/.test(address) && !/^(127|0)\./.test(address) ? address : hostAddress();
