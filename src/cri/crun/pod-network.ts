/**
 * What the host does for pods as a whole: it forwards, hides pod addresses behind its own when a packet leaves the
 * machine, and maps host ports. One nftables table per cluster, changed a few elements at a time.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { nft } from "../../linux/nft.ts";
import type { System } from "../../linux/system.ts";
import type { PortMapping } from "../runtime.ts";

export interface PodNetworkOptions {
  readonly interfacePrefix: string;
  readonly podCidr: string;
  /** Runs nft. */
  readonly system?: System;
}

/** `s0sampan_pods` */
export const podTable = (interfacePrefix: string): string => `${interfacePrefix}_pods`;

export class PodNetworkTable {
  readonly #prefix: string;
  readonly #podCidr: string;
  readonly #table: string;
  readonly #system: System | undefined;

  constructor({ interfacePrefix, podCidr, system }: PodNetworkOptions) {
    this.#prefix = interfacePrefix;
    this.#podCidr = podCidr;
    this.#table = podTable(interfacePrefix);
    this.#system = system;
  }

  /** Loads the table with the mappings that sandboxes on disk have. */
  async install(mappings: readonly HostPortTarget[]): Promise<void> {
    enableForwarding();
    const table = this.#table;
    const elements = mappings.flatMap(({ mapping, address }) => portElements(mapping, address));
    await this.#run(`table ip ${table}
delete table ip ${table}
table ip ${table} {
  map ports {
    type inet_proto . inet_service : ipv4_addr . inet_service
  }
  map address_ports {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
  }
  chain host_ports {
    meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @address_ports
    meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @ports
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump host_ports
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump host_ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 127.0.0.0/8 oifname "${this.#prefix}*" masquerade
    ip saddr ${this.#podCidr} ip daddr != ${this.#podCidr} oifname != "${this.#prefix}*" oifname != "lo" masquerade
  }
}
${elements.map((element) => `add element ip ${table} ${element}\n`).join("")}`);
  }

  #run(ruleset: string): Promise<string> {
    return nft(ruleset, this.#system);
  }

  async addHostPorts(mappings: readonly PortMapping[], address: string): Promise<void> {
    if (mappings.length === 0) return;
    await this.#run(
      mappings
        .flatMap((mapping) => portElements(mapping, address))
        .map((element) => `add element ip ${this.#table} ${element}\n`)
        .join(""),
    );
  }

  /** Succeeds when they are gone. */
  async removeHostPorts(mappings: readonly PortMapping[], address: string): Promise<void> {
    for (const element of mappings.flatMap((mapping) => portElements(mapping, address))) {
      // Adding first makes the deletion succeed in any case.
      await this.#run(
        `add element ip ${this.#table} ${element}\ndelete element ip ${this.#table} ${element}\n`,
      ).catch(() => undefined);
    }
  }
}

export interface HostPortTarget {
  readonly mapping: PortMapping;
  readonly address: string;
}

function portElements({ protocol, hostPort, hostIp, containerPort }: PortMapping, address: string): string[] {
  if (hostPort === 0) return [];
  const target = `${address} . ${containerPort}`;
  const port = `${protocol.toLowerCase()} . ${hostPort}`;
  return hostIp === "" || hostIp === "0.0.0.0"
    ? [`ports { ${port} : ${target} }`]
    : [`address_ports { ${hostIp} . ${port} : ${target} }`];
}

const forwardingFile = "/proc/sys/net/ipv4/ip_forward";

function enableForwarding(): void {
  if (readFileSync(forwardingFile, "utf8").trim() !== "1") writeFileSync(forwardingFile, "1");
}
