import type { Service } from "../../api/types/core-v1.ts";
import { holdsIpv4, type Ipv4Range, ipv4Number, ipv4Text } from "../../apimachinery/ipv4-range.ts";
import type { MetricRegistry } from "../../apimachinery/metrics.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import { AllocatorMetrics, type PortUsage, type RangeUsage } from "./allocator-metrics.ts";
import { ipKey, isIpKey } from "./ip-key.ts";
import { followAddresses, rangeOf, ServiceRanges } from "./service-ranges.ts";

/** First and last node port that Services may have. */
export const nodePortRange = { first: 30_000, last: 32_767 } as const;

/**
 * Which addresses and node ports Services hold. Invariant: `#held` is what the stored Services hold and what is reserved
 * by writes under way, so two writes at once never get the same.
 *
 * State is derived from the watch cache: there is nothing to repair after a crash. IPAddress objects follow the Services;
 * only those that somebody else made keep an address from them. Several API servers over one store will need them to
 * decide.
 */
export class ServiceAllocators {
  readonly #held = new Map<string, string>();
  readonly #reader: ObjectReader;
  readonly #own: Ipv4Range;
  #ranges: ServiceRanges | undefined;
  readonly #random: Random;
  /** Keys of addresses that others than Services hold. */
  readonly #reserved = new Set<string>();
  readonly metrics: AllocatorMetrics;

  constructor(reader: ObjectReader, cidr: string, random: Random, registry?: MetricRegistry) {
    this.#reader = reader;
    this.#own = rangeOf(cidr);
    this.#random = random;
    this.metrics = new AllocatorMetrics(
      () => this.#usage(),
      () => this.#portUsage(),
      registry,
    );
  }

  /** Follows what there is from the first question on: when a server is put together its caches are still empty. */
  #followed(): ServiceRanges {
    if (this.#ranges !== undefined) return this.#ranges;
    const ranges = new ServiceRanges(this.#reader, this.#own);
    this.#ranges = ranges;
    followAddresses(this.#reader, this.#reserved);
    const services = { group: "", resource: "services" };
    this.#reader.onChange(services, (object, old) => {
      if (old !== undefined)
        for (const key of holdings(old as Service)) this.#release(key, ownerOf(old as Service));
      if (object !== undefined)
        for (const key of holdings(object as Service)) this.#held.set(key, ownerOf(object as Service));
    });
    for (const service of this.#reader.list<Service>(services)) {
      for (const key of holdings(service)) this.#held.set(key, ownerOf(service));
    }
    return ranges;
  }

  /** Why a Service cannot have the address, apart from others that have it; undefined when it can. */
  outOfRange(ip: string): string | undefined {
    return this.#followed().refusal(ip);
  }

  /** The range that the address is of. */
  rangeOf(ip: string): string {
    return this.#followed().of(ip)?.text ?? "";
  }

  isHeldBy(key: string, owner: string): boolean {
    this.#followed();
    return this.#held.get(key) === owner;
  }

  isTaken(key: string, owner: string): boolean {
    this.#followed();
    if (this.#reserved.has(key)) return true;
    const holder = this.#held.get(key);
    return holder !== undefined && holder !== owner;
  }

  reserve(key: string, owner: string): void {
    this.#followed();
    this.#held.set(key, owner);
  }

  release(key: string, owner: string): void {
    this.#release(key, owner);
  }

  /**
   * A free address: of the cluster's own range while it has one, then of others. The lower part of a range is left to
   * those that people choose by hand, as long as there is room (KEP-3070). Undefined when all are full.
   */
  freeAddress(): string | undefined {
    for (const range of this.#followed().usable()) {
      const first = range.start + 1;
      const last = range.end - 1;
      const size = last - first + 1;
      const reserved = Math.min(Math.max(16, Math.floor(size / 16)), 256, size - 1);
      const found =
        this.#search(first + reserved, last, ipKeyOf) ?? this.#search(first, first + reserved - 1, ipKeyOf);
      if (found !== undefined) return ipv4Text(found);
      this.metrics.failed(range.text, "dynamic");
    }
    return undefined;
  }

  freeNodePort(): number | undefined {
    return this.#search(nodePortRange.first, nodePortRange.last, portKey);
  }

  /** From a random place onwards: neighbours are not given out one after another. */
  #search(first: number, last: number, keyOf: (value: number) => string): number | undefined {
    this.#followed();
    const size = last - first + 1;
    if (size <= 0) return undefined;
    const offset = Math.floor(this.#random.next() * size);
    for (let step = 0; step < size; step++) {
      const candidate = first + ((offset + step) % size);
      const key = keyOf(candidate);
      if (!this.#held.has(key) && !this.#reserved.has(key)) return candidate;
    }
    return undefined;
  }

  #usage(): RangeUsage[] {
    const ranges = this.#followed().usable();
    const ips = [...this.#held.keys()].filter(isIpKey).map((key) => ipv4Number(key.slice(ipKey("").length)));
    return ranges.map((range) => ({
      cidr: range.text,
      size: Math.max(0, range.end - range.start - 1),
      held: ips.filter((ip) => holdsIpv4(range, ip)).length,
    }));
  }

  #portUsage(): PortUsage {
    this.#followed();
    const { first, last } = nodePortRange;
    const isPort = (key: string): boolean => key.startsWith(portPrefix);
    return { size: last - first + 1, held: [...this.#held.keys()].filter(isPort).length };
  }

  #release(key: string, owner: string): void {
    if (this.#held.get(key) === owner) this.#held.delete(key);
  }
}

const ipKeyOf = (value: number): string => ipKey(ipv4Text(value));
/** A number belongs to one Service, whatever the protocol: only its own ports may share it. */
export const portKey = (port: number): string => `${portPrefix}${port}`;
const portPrefix = "port ";
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
