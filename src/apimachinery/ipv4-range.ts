/** A range of IPv4 addresses, as numbers. */
export interface Ipv4Range {
  readonly text: string;
  /** The network's own address. */
  readonly start: number;
  /** The broadcast address. */
  readonly end: number;
}

const cidrForm = /^(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\/(\d{1,2})$/;

/** "10.96.0.0/16"; undefined for anything else, as a range of IPv6. */
export function parseIpv4Range(cidr: string): Ipv4Range | undefined {
  const [, base, bits] = cidrForm.exec(cidr) ?? [];
  if (base === undefined || bits === undefined || Number(bits) > 32) return undefined;
  const size = 2 ** (32 - Number(bits));
  const start = Math.floor(ipv4Number(base) / size) * size;
  return { text: cidr, start, end: start + size - 1 };
}

export const ipv4Number = (ip: string): number =>
  ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

export const ipv4Text = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

export const holdsIpv4 = ({ start, end }: Ipv4Range, value: number): boolean =>
  value >= start && value <= end;

export const holdsIpv4Range = (outer: Ipv4Range, inner: Ipv4Range): boolean =>
  inner.start >= outer.start && inner.end <= outer.end;
