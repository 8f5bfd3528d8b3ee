import type { Service } from "../../api/types/core-v1.ts";
import type { MetricRegistry } from "../../apimachinery/metrics.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import { AllocatorMetrics } from "./allocator-metrics.ts";

/** First and last node port that Services may have. */
export const nodePortRange = { first: 30_000, last: 32_767 } as const;

/** The Service range as numbers. */
export interface AddressRange {
  readonly text: string;
  readonly first: number;
  readonly last: number;
}

/** "10.96.0.0/16" without its network and broadcast addresses. */
export function parseRange(cidr: string): AddressRange {
  const [base = "", bits = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  const start = Math.floor(toNumber(base) / size) * size;
  return { text: cidr, first: start + 1, last: start + size - 2 };
}

export const toNumber = (ip: string): number =>
  ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

export const toAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

/**
 * Which addresses and node ports Services hold. Invariant: `#held` is what the stored Services hold and what is reserved
 * by writes under way, so two writes at once never get the same.
 *
 * State is derived from the watch cache: there is nothing to repair after a crash. Several API servers over one store
 * will need allocation objects (IPAddress) instead.
 */
export class ServiceAllocators {
  readonly #held = new Map<string, string>();
  readonly #range: AddressRange;
  readonly #random: Random;
  readonly metrics: AllocatorMetrics;

  constructor(reader: ObjectReader, range: AddressRange, random: Random, registry?: MetricRegistry) {
    this.#range = range;
    this.#random = random;
    const size = range.last - range.first + 1;
    const held = (): number => [...this.#held.keys()].filter(isIpKey).length;
    this.metrics = new AllocatorMetrics({ cidr: range.text, size, held }, registry);
    const services = { group: "", resource: "services" };
    reader.onChange(services, (object, old) => {
      if (old !== undefined)
        for (const key of holdings(old as Service)) this.#release(key, ownerOf(old as Service));
      if (object !== undefined)
        for (const key of holdings(object as Service)) this.#held.set(key, ownerOf(object as Service));
    });
    for (const service of reader.list<Service>(services)) {
      for (const key of holdings(service)) this.#held.set(key, ownerOf(service));
    }
  }

  get range(): AddressRange {
    return this.#range;
  }

  isTaken(key: string, owner: string): boolean {
    const holder = this.#held.get(key);
    return holder !== undefined && holder !== owner;
  }

  reserve(key: string, owner: string): void {
    this.#held.set(key, owner);
  }

  release(key: string, owner: string): void {
    this.#release(key, owner);
  }

  /**
   * A free address. The lower part of the range is left to those that people choose by hand, as long as there is room
   * (KEP-3070). Undefined when the range is full.
   */
  freeAddress(): string | undefined {
    const { first, last } = this.#range;
    const size = last - first + 1;
    const reserved = Math.min(Math.max(16, Math.floor(size / 16)), 256, size - 1);
    const found =
      this.#search(first + reserved, last, ipKeyOf) ?? this.#search(first, first + reserved - 1, ipKeyOf);
    if (found !== undefined) return toAddress(found);
    this.metrics.failed("dynamic");
    return undefined;
  }

  freeNodePort(): number | undefined {
    return this.#search(nodePortRange.first, nodePortRange.last, portKey);
  }

  /** From a random place onwards: neighbours are not given out one after another. */
  #search(first: number, last: number, keyOf: (value: number) => string): number | undefined {
    const size = last - first + 1;
    if (size <= 0) return undefined;
    const offset = Math.floor(this.#random.next() * size);
    for (let step = 0; step < size; step++) {
      const candidate = first + ((offset + step) % size);
      if (!this.#held.has(keyOf(candidate))) return candidate;
    }
    return undefined;
  }

  #release(key: string, owner: string): void {
    if (this.#held.get(key) === owner) this.#held.delete(key);
  }
}

export const ipKey = (ip: string): string => `ip ${ip}`;
export const isIpKey = (key: string): boolean => key.startsWith("ip ");
const ipKeyOf = (value: number): string => ipKey(toAddress(value));
/** A number belongs to one Service, whatever the protocol: only its own ports may share it. */
export const portKey = (port: number): string => `port ${port}`;
export const ownerOf = (service: Service): string => `${service.metadata.namespace}/${service.metadata.name}`;

/** Everything a Service holds, as keys. */
export function holdings(service: Service): string[] {
  const { spec } = service;
  const ips = (spec.clusterIPs ?? []).filter((ip) => ip !== "" && ip !== "None").map(ipKey);
  const ports = [...(spec.ports ?? []).map(({ nodePort }) => nodePort), spec.healthCheckNodePort]
    .filter((port): port is number => port !== undefined && port !== 0)
    .map(portKey);
  return [...new Set([...ips, ...ports])];
}
