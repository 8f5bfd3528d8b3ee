/**
 * The interface that carries the addresses which the host itself answers: the API server's and cluster DNS's. It also
 * holds the route to the Service range, with a source address of its own, so that the host reaches ClusterIPs even on a
 * machine without any other route.
 */
export interface ServiceInterfaceSettings {
  readonly interfacePrefix: string;
  readonly serviceCidr: string;
  /** The first is the source address of the host's own traffic to Services. */
  readonly addresses: readonly string[];
}

/**
 * `sampan0svc`. One end of a veth pair whose other end nobody uses: pods need veth anyway, while small kernels lack dummy
 * interfaces.
 */
export const serviceInterfaceName = (interfacePrefix: string): string => `${interfacePrefix}svc`;

/** Lines for `ip -force -batch -`: each may fail when it was done before. */
export function serviceInterfaceCommands(settings: ServiceInterfaceSettings): string {
  const name = serviceInterfaceName(settings.interfacePrefix);
  return [
    `link add ${name} type veth peer name ${settings.interfacePrefix}svp`,
    ...settings.addresses.map((address) => `address replace ${address}/32 dev ${name}`),
    `link set ${settings.interfacePrefix}svp up`,
    `link set ${name} up`,
    `route replace ${settings.serviceCidr} dev ${name} src ${settings.addresses[0]}`,
    "",
  ].join("\n");
}

/** Takes the interface away, and its addresses and route with it. */
export const serviceInterfaceRemoval = (interfacePrefix: string): string =>
  `link delete ${serviceInterfaceName(interfacePrefix)}\n`;
