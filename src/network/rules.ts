import { createHash } from "node:crypto";
import type { EndpointAddress, ServicePortState } from "./service-ports.ts";

/**
 * Service ports as nftables: pure functions from state to text.
 *
 * One table. `service_ips` and `node_ports` are verdict maps that lead, in one lookup, to a flat chain per Service port;
 * that chain picks an endpoint and rewrites the destination. A change of one Service is a small text: its chains, and the
 * elements of the maps that differ.
 */
export interface TableSettings {
  /** Carries the cluster's name: `sampan_dev_services`. */
  readonly table: string;
  readonly podCidr: string;
  /** All ranges that Services have addresses of. */
  readonly serviceCidrs: readonly string[];
  /** Interfaces of the cluster's pods start with it. */
  readonly interfacePrefix: string;
}

/** What one Service port contributes to the table. */
export interface PortRules {
  /** Chain → its rules, in order. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** `map { key : verdict }` elements: map name and key → verdict ("" for sets). */
  readonly elements: ReadonlyMap<string, string>;
  /** Sets with timeouts that remember a client's endpoint. Set → seconds. */
  readonly affinitySets: ReadonlyMap<string, number>;
}

/** Sources marked so are masqueraded on their way out. The bit that Kubernetes uses. */
const masqueradeMark = "0x4000";

/** The text that makes the table anew, empty of Services. Replaces what an earlier run left, in one transaction. */
export function baseTable({ table, podCidr, serviceCidrs, interfacePrefix }: TableSettings): string {
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
  map service_ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map node_ports { type inet_proto . inet_service : verdict; }
  set without_endpoints { type ipv4_addr . inet_proto . inet_service; }
  set hairpin { type ipv4_addr . ipv4_addr; }

  chain services {
    ip daddr . meta l4proto . th dport vmap @service_ips
    fib daddr type local meta l4proto . th dport vmap @node_ports
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    jump services
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump services
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    meta mark & ${masqueradeMark} == ${masqueradeMark} meta mark set meta mark ^ ${masqueradeMark} masquerade
    ct status dnat ip saddr . ip daddr @hairpin masquerade
  }
  # Rewriting 127.0.0.1 needs route_localnet, which must not open loopback to others.
  chain guard {
    type filter hook prerouting priority -300; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop
    iifname != { "lo", "${interfacePrefix}*" } ip daddr { ${serviceCidrs.join(", ")} } ip saddr != ${podCidr} drop
  }
  # An ICMP error that comes back while connect() still holds the socket is a soft one: TCP would try for another second.
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain refuse_forward {
    type filter hook forward priority -1; policy accept;
    ct state new ip daddr . meta l4proto . th dport @without_endpoints goto refuse
  }
  chain refuse_output {
    type filter hook output priority -1; policy accept;
    ct state new ip daddr . meta l4proto . th dport @without_endpoints goto refuse
  }
}
`;
}

/** The chains and elements of one Service port. */
export function portRules(state: ServicePortState): PortRules {
  const chains = new Map<string, readonly string[]>();
  const elements = new Map<string, string>();
  const affinitySets = new Map<string, number>();
  const suffix = chainSuffix(state);
  const { protocol, port } = state;

  const internal = `svc_${suffix}`;
  addBalancer(internal, state.clusterEndpoints);
  for (const ip of state.clusterIps) addFrontend(ip, state.clusterEndpoints, `goto ${internal}`);

  if (state.nodePort > 0 || state.externalIps.length > 0) {
    const external = `ext_${suffix}`;
    const sameEndpoints = sameAddresses(state.clusterEndpoints, state.externalEndpoints);
    if (!sameEndpoints) addBalancer(`${external}_eps`, state.externalEndpoints);
    if (state.externalEndpoints.length > 0) {
      const rules = [`ip saddr 127.0.0.0/8 meta mark set meta mark | ${masqueradeMark}`];
      if (state.sourceRanges.length > 0) {
        rules.push(
          `ip saddr != { ${[...state.sourceRanges, "127.0.0.0/8"].join(", ")} } fib daddr type != local drop`,
        );
      }
      chains.set(external, [...rules, `goto ${sameEndpoints ? internal : `${external}_eps`}`]);
      if (state.nodePort > 0) elements.set(`node_ports ${protocol} . ${state.nodePort}`, `goto ${external}`);
    }
    for (const ip of state.externalIps) addFrontend(ip, state.externalEndpoints, `goto ${external}`);
  }
  return { chains, elements, affinitySets };

  function addFrontend(ip: string, endpoints: readonly EndpointAddress[], verdict: string): void {
    const key = `${ip} . ${protocol} . ${port}`;
    if (endpoints.length === 0) elements.set(`without_endpoints ${key}`, "");
    else elements.set(`service_ips ${key}`, verdict);
  }

  function addBalancer(chain: string, endpoints: readonly EndpointAddress[]): void {
    if (endpoints.length === 0) return;
    for (const { ip } of endpoints) elements.set(hairpinElement(ip), "");
    if (state.affinitySeconds === 0) chains.set(chain, [rewrite(protocol, endpoints)]);
    else addSticky(chain, endpoints);
  }

  /** Each endpoint remembers its clients; a known client goes to its endpoint, others are spread. */
  function addSticky(chain: string, endpoints: readonly EndpointAddress[]): void {
    const branches = endpoints.map((endpoint) => ({
      endpoint,
      name: `${chain}_${shortHash(`${endpoint.ip}:${endpoint.port}`)}`,
    }));
    for (const { endpoint, name } of branches) {
      affinitySets.set(`aff_${name}`, state.affinitySeconds);
      chains.set(name, [`update @aff_${name} { ip saddr }`, rewrite(protocol, [endpoint])]);
    }
    const spread = branches.map(({ name }, index) => `${index} : goto ${name}`).join(", ");
    chains.set(chain, [
      ...branches.map(({ name }) => `ip saddr @aff_${name} goto ${name}`),
      branches.length === 1
        ? `goto ${branches[0]?.name}`
        : `numgen random mod ${branches.length} vmap { ${spread} }`,
    ]);
  }
}

/** The element that every endpoint has: a pod that reaches itself through a Service. */
export const hairpinElement = (ip: string): string => `hairpin ${ip} . ${ip}`;

function rewrite(protocol: string, endpoints: readonly EndpointAddress[]): string {
  const [only] = endpoints;
  if (endpoints.length === 1 && only !== undefined)
    return `meta l4proto ${protocol} dnat to ${only.ip}:${only.port}`;
  const targets = endpoints.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`).join(", ");
  return `meta l4proto ${protocol} dnat ip to numgen random mod ${endpoints.length} map { ${targets} }`;
}

function sameAddresses(a: readonly EndpointAddress[], b: readonly EndpointAddress[]): boolean {
  return (
    a.length === b.length &&
    a.every((item, index) => item.ip === b[index]?.ip && item.port === b[index]?.port)
  );
}

/** Readable where it can be, unique always: names of chains are shown by `nft list`. */
function chainSuffix({ id, protocol }: ServicePortState): string {
  const readable = id.replaceAll(/[^A-Za-z0-9]+/g, "_").slice(0, 40);
  return `${readable}_${shortHash(`${id}/${protocol}`)}`;
}

const shortHash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** All contributions together. Endpoints that several Services share appear once. */
export function mergeRules(ports: Iterable<PortRules>): PortRules {
  const chains = new Map<string, readonly string[]>();
  const elements = new Map<string, string>();
  const affinitySets = new Map<string, number>();
  for (const port of ports) {
    for (const [chain, rules] of port.chains) chains.set(chain, rules);
    for (const [element, verdict] of port.elements) elements.set(element, verdict);
    for (const [set, seconds] of port.affinitySets) affinitySets.set(set, seconds);
  }
  return { chains, elements, affinitySets };
}

/**
 * The transaction that leads from one state of the table to the next; "" when nothing differs. Order matters: what is
 * referred to is added first and deleted last.
 */
export function transition(table: string, from: PortRules, to: PortRules): string {
  const lines: string[] = [];
  for (const [set, seconds] of to.affinitySets) {
    if (!from.affinitySets.has(set)) {
      lines.push(
        `add set ip ${table} ${set} { type ipv4_addr; flags dynamic,timeout; timeout ${seconds}s; }`,
      );
    }
  }
  for (const chain of to.chains.keys())
    if (!from.chains.has(chain)) lines.push(`add chain ip ${table} ${chain}`);
  for (const [chain, rules] of to.chains) {
    const before = from.chains.get(chain);
    if (before !== undefined && before.join("\n") === rules.join("\n")) continue;
    if (before !== undefined) lines.push(`flush chain ip ${table} ${chain}`);
    for (const rule of rules) lines.push(`add rule ip ${table} ${chain} ${rule}`);
  }
  const added: [string, string][] = [];
  for (const [element, verdict] of from.elements) {
    if (to.elements.get(element) !== verdict) lines.push(elementLine("delete", table, element, verdict));
  }
  for (const [element, verdict] of to.elements)
    if (from.elements.get(element) !== verdict) added.push([element, verdict]);
  lines.push(...addElements(table, added));
  for (const chain of from.chains.keys())
    if (!to.chains.has(chain)) lines.push(`flush chain ip ${table} ${chain}`);
  for (const chain of from.chains.keys())
    if (!to.chains.has(chain)) lines.push(`delete chain ip ${table} ${chain}`);
  for (const set of from.affinitySets.keys())
    if (!to.affinitySets.has(set)) lines.push(`delete set ip ${table} ${set}`);
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** One command per map: loading a thousand Services is one list of elements, not a thousand commands. */
function addElements(table: string, added: readonly [string, string][]): string[] {
  const byMap = new Map<string, string[]>();
  for (const [element, verdict] of added) {
    const [map = "", ...key] = element.split(" ");
    const list = byMap.get(map) ?? [];
    byMap.set(map, list);
    list.push(verdict === "" ? key.join(" ") : `${key.join(" ")} : ${verdict}`);
  }
  return [...byMap].map(([map, list]) => `add element ip ${table} ${map} { ${list.join(", ")} }`);
}

function elementLine(verb: string, table: string, element: string, verdict: string): string {
  const [map = "", ...key] = element.split(" ");
  return `${verb} element ip ${table} ${map} { ${key.join(" ")}${verdict === "" ? "" : ` : ${verdict}`} }`;
}
