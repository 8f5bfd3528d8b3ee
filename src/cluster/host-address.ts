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
