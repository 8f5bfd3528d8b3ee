/**
 * The interface that carries the addresses which the host itself answers: the API server's and cluster DNS's. It also
 * holds the route to the Service range, with a source address of its own, so that the host reaches ClusterIPs even on a
 * machine without any other route. With it goes a route for the pod range, which refuses what no pod answers.
 */
export interface ServiceInterfaceSettings {
  readonly interfacePrefix: string;
  readonly serviceCidr: string;
  readonly podCidr: string;
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
    // A pod that has gone is unreachable at once; without this its packets would leave the machine. Pods' own routes,
    // and those to other nodes, are more specific.
    `route replace unreachable ${settings.podCidr}`,
    `route replace ${settings.serviceCidr} dev ${name} src ${settings.addresses[0]}`,
    "",
  ].join("\n");
}

/** Lines for ranges of Services that come beside the first one, and for those that go. */
export function serviceRouteCommands(
  { interfacePrefix, addresses }: Pick<ServiceInterfaceSettings, "interfacePrefix" | "addresses">,
  added: readonly string[],
  gone: readonly string[],
): string {
  const name = serviceInterfaceName(interfacePrefix);
  return [
    ...added.map((cidr) => `route replace ${cidr} dev ${name} src ${addresses[0]}`),
    ...gone.map((cidr) => `route delete ${cidr} dev ${name}`),
    "",
  ].join("\n");
}

/** Lines that take both away: the interface, its addresses and route, and the route of the pod range. */
export const serviceInterfaceRemoval = ({
  interfacePrefix,
  podCidr,
}: Pick<ServiceInterfaceSettings, "interfacePrefix" | "podCidr">): string =>
  `link delete ${serviceInterfaceName(interfacePrefix)}\nroute delete unreachable ${podCidr}\n`;
