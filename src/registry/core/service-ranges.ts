import type { IPAddress, ServiceCIDR } from "../../api/types/networking-v1.ts";
import { holdsIpv4, type Ipv4Range, ipv4Number, parseIpv4Range } from "../../apimachinery/ipv4-range.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import { ipKey } from "./ip-key.ts";

const group = "networking.k8s.io";

/**
 * The ranges that Services have their addresses of: the cluster's own, from the first moment, and those of every
 * ServiceCIDR that is ready and not on its way out. Mirrors pkg/registry/core/service/ipallocator/cidrallocator.go.
 */
export class ServiceRanges {
  readonly #own: Ipv4Range;
  /** By the name of the ServiceCIDR. */
  readonly #others = new Map<string, readonly Ipv4Range[]>();

  constructor(reader: ObjectReader, own: Ipv4Range) {
    this.#own = own;
    const ranges = { group, resource: "servicecidrs" };
    reader.onChange(ranges, (object, old) => {
      if (old !== undefined) this.#others.delete(old.metadata.name ?? "");
      if (object !== undefined) this.#add(object as ServiceCIDR);
    });
    for (const object of reader.list<ServiceCIDR>(ranges)) this.#add(object);
  }

  /** The cluster's own comes first. */
  usable(): Ipv4Range[] {
    const others = [...this.#others.values()].flat().filter(({ text }) => text !== this.#own.text);
    return [this.#own, ...new Map(others.map((range) => [range.text, range])).values()];
  }

  /** One that the address is of. */
  of(ip: string): Ipv4Range | undefined {
    const value = ipv4Number(ip);
    return this.usable().find((range) => holdsIpv4(range, value));
  }

  /** Why no Service can have the address; undefined when one can. */
  refusal(ip: string): string | undefined {
    const range = this.of(ip);
    if (range === undefined) return "the provided network does not match the current range";
    const value = ipv4Number(ip);
    if (value > range.start && value < range.end) return undefined;
    return `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${range.text}`;
  }

  #add({ metadata, spec, status }: ServiceCIDR): void {
    const isReady = (status?.conditions ?? []).some(
      (condition) => condition.type === "Ready" && condition.status === "True",
    );
    if (!isReady || metadata.deletionTimestamp !== undefined) return;
    const parts = (spec.cidrs ?? []).map(parseIpv4Range).filter((range) => range !== undefined);
    this.#others.set(metadata.name ?? "", parts);
  }
}

/** The range of a setting; throws for what is none. */
export function rangeOf(cidr: string): Ipv4Range {
  const range = parseIpv4Range(cidr);
  if (range === undefined) throw new TypeError(`${cidr} is no range of IPv4 addresses`);
  return range;
}

const managedBy = "ipaddress.kubernetes.io/managed-by";

/** Keeps in `reserved` the keys of addresses that somebody else than the Services has an IPAddress of. */
export function followAddresses(reader: ObjectReader, reserved: Set<string>): void {
  const addresses = { group, resource: "ipaddresses" };
  const keyOf = (address: IPAddress): string | undefined =>
    address.metadata.labels?.[managedBy] === "ipallocator.k8s.io"
      ? undefined
      : ipKey(address.metadata.name ?? "");
  const note = (address: IPAddress): void => {
    const key = keyOf(address);
    if (key !== undefined) reserved.add(key);
  };
  reader.onChange(addresses, (object, old) => {
    if (old !== undefined) reserved.delete(ipKey(old.metadata.name ?? ""));
    if (object !== undefined) note(object as IPAddress);
  });
  for (const address of reader.list<IPAddress>(addresses)) note(address);
}
