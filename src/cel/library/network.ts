import { opaqueType } from "../types.ts";
import { CelErr, type CelValue } from "../values.ts";
import {
  type FunctionDeclaration,
  type Implementation,
  noSuchOverload,
  onText,
  Signatures,
} from "./declare.ts";
import {
  AddressError,
  type IpAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  printAddress,
} from "./ip-address.ts";
import { TextualValue } from "./opaque.ts";
import { goQuote } from "./text-format.ts";

/** IP addresses and networks: `ip('10.0.0.1')`, `cidr('10.0.0.0/8').containsIP('10.1.2.3')`. */
export const ipType = opaqueType("net.IP");
export const cidrType = opaqueType("net.CIDR");

const s = new Signatures({ ip: ipType, cidr: cidrType });

class IpValue extends TextualValue {
  readonly type = ipType;
  readonly address: IpAddress;

  constructor(address: IpAddress) {
    super();
    this.address = address;
  }

  override toString(): string {
    return printAddress(this.address);
  }

  override costSize(): number {
    return this.address.bytes.length;
  }
}

class CidrValue extends TextualValue {
  readonly type = cidrType;
  readonly prefix: Prefix;

  constructor(prefix: Prefix) {
    super();
    this.prefix = prefix;
  }

  override toString(): string {
    return `${printAddress(this.prefix.address)}/${this.prefix.bits}`;
  }

  override costSize(): number {
    return Math.ceil(this.prefix.bits / 8);
  }
}

function isMapped(address: IpAddress): boolean {
  return (
    address.bytes.length === 16 &&
    address.bytes.subarray(0, 10).every((byte) => byte === 0) &&
    address.bytes[10] === 0xff &&
    address.bytes[11] === 0xff
  );
}

function toIp(text: string): IpValue | CelErr {
  const address = parseAddress(text);
  if (address instanceof AddressError) {
    return new CelErr(
      `IP Address ${goQuote(text)} parse error during conversion from string: ${address.message}`,
    );
  }
  if (address.zone !== "") return new CelErr(`IP address ${goQuote(text)} with zone value is not allowed`);
  if (isMapped(address)) return new CelErr(`IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`);
  return new IpValue(address);
}

function toCidr(text: string): CidrValue | CelErr {
  // The words are said twice, as Kubernetes says them.
  const head = "network address parse error during conversion from string: ";
  const prefix = parsePrefix(text);
  if (prefix instanceof AddressError) return new CelErr(`${head}${head}${prefix.message}`);
  if (isMapped(prefix.address))
    return new CelErr(`${head}IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`);
  return new CidrValue(prefix);
}

const onIp =
  (of: (address: IpAddress, value: IpValue) => CelValue): Implementation =>
  (value) =>
    value instanceof IpValue ? of(value.address, value) : noSuchOverload;

const onCidr =
  (of: (prefix: Prefix, value: CidrValue) => CelValue): Implementation =>
  (value) =>
    value instanceof CidrValue ? of(value.prefix, value) : noSuchOverload;

const first = ({ bytes }: IpAddress): number => bytes[0] ?? 0;
const second = ({ bytes }: IpAddress): number => bytes[1] ?? 0;
const isV4 = ({ bytes }: IpAddress): boolean => bytes.length === 4;

const isUnspecified = ({ bytes }: IpAddress): boolean => bytes.every((byte) => byte === 0);
const isLoopback = (address: IpAddress): boolean =>
  isV4(address)
    ? first(address) === 127
    : address.bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
const isMulticast = (address: IpAddress): boolean =>
  isV4(address) ? (first(address) & 0xf0) === 0xe0 : first(address) === 0xff;
const isLinkLocalMulticast = (address: IpAddress): boolean =>
  isV4(address)
    ? first(address) === 224 && second(address) === 0 && address.bytes[2] === 0
    : first(address) === 0xff && (second(address) & 0x0f) === 0x02;
const isLinkLocalUnicast = (address: IpAddress): boolean =>
  isV4(address)
    ? first(address) === 169 && second(address) === 254
    : first(address) === 0xfe && (second(address) & 0xc0) === 0x80;
const isBroadcast = (address: IpAddress): boolean =>
  isV4(address) && address.bytes.every((byte) => byte === 255);
const isGlobalUnicast = (address: IpAddress): boolean =>
  !isUnspecified(address) &&
  !isLoopback(address) &&
  !isMulticast(address) &&
  !isLinkLocalUnicast(address) &&
  !isBroadcast(address);

/** Whether the first bits of two addresses are the same. */
function samePrefix(a: IpAddress, b: IpAddress, bits: number): boolean {
  if (a.bytes.length !== b.bytes.length) return false;
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
    if (((a.bytes[bit >> 3] ?? 0) & mask) !== ((b.bytes[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}

function masked({ address, bits }: Prefix): Prefix {
  const bytes = address.bytes.map((byte, index) => {
    const left = bits - index * 8;
    if (left >= 8) return byte;
    return left <= 0 ? 0 : byte & (0xff << (8 - left)) & 0xff;
  });
  return { address: { bytes, zone: "" }, bits };
}

const containsIp: Implementation = (network, other) => {
  // What is wrong with the text is not said: Kubernetes says no more either.
  const ip = typeof other === "string" ? toIp(other) : other;
  if (!(network instanceof CidrValue) || !(ip instanceof IpValue)) return noSuchOverload;
  return samePrefix(network.prefix.address, ip.address, network.prefix.bits);
};

const containsCidr: Implementation = (network, other) => {
  const inner = typeof other === "string" ? toCidr(other) : other;
  if (inner instanceof CelErr) return inner;
  if (!(network instanceof CidrValue) || !(inner instanceof CidrValue)) return noSuchOverload;
  const { address, bits } = network.prefix;
  return bits <= inner.prefix.bits && samePrefix(address, inner.prefix.address, bits);
};

export const ipFunctions: readonly FunctionDeclaration[] = [
  s.fn("ip", { "string_to_ip: (string) -> ip": onText(toIp) }),
  s.fn("isIP", { "is_ip: (string) -> bool": onText((text) => !(toIp(text) instanceof CelErr)) }),
  s.fn("ip.isCanonical", {
    "ip_is_canonical: (string) -> bool": onText((text) => {
      const ip = toIp(text);
      return ip instanceof CelErr ? ip : ip.toString() === text;
    }),
  }),
  s.fn("family", { "ip_family: ip.() -> int": onIp((address) => (isV4(address) ? 4 : 6)) }),
  s.fn("isUnspecified", { "ip_is_unspecified: ip.() -> bool": onIp(isUnspecified) }),
  s.fn("isLoopback", { "ip_is_loopback: ip.() -> bool": onIp(isLoopback) }),
  s.fn("isLinkLocalMulticast", { "ip_is_link_local_multicast: ip.() -> bool": onIp(isLinkLocalMulticast) }),
  s.fn("isLinkLocalUnicast", { "ip_is_link_local_unicast: ip.() -> bool": onIp(isLinkLocalUnicast) }),
  s.fn("isGlobalUnicast", { "ip_is_global_unicast: ip.() -> bool": onIp(isGlobalUnicast) }),
  s.fn("string", { "ip_to_string: (ip) -> string": onIp((_, value) => value.toString()) }),
];

export const cidrFunctions: readonly FunctionDeclaration[] = [
  s.fn("cidr", { "string_to_cidr: (string) -> cidr": onText(toCidr) }),
  s.fn("isCIDR", { "is_cidr: (string) -> bool": onText((text) => !(toCidr(text) instanceof CelErr)) }),
  s.fn("containsIP", {
    "cidr_contains_ip_string: cidr.(string) -> bool": containsIp,
    "cidr_contains_ip_ip: cidr.(ip) -> bool": containsIp,
  }),
  s.fn("containsCIDR", {
    "cidr_contains_cidr_string: cidr.(string) -> bool": containsCidr,
    "cidr_contains_cidr: cidr.(cidr) -> bool": containsCidr,
  }),
  s.fn("ip", { "cidr_ip: cidr.() -> ip": onCidr(({ address }) => new IpValue(address)) }),
  s.fn("prefixLength", { "cidr_prefix_length: cidr.() -> int": onCidr(({ bits }) => bits) }),
  s.fn("masked", { "cidr_masked: cidr.() -> cidr": onCidr((prefix) => new CidrValue(masked(prefix))) }),
  s.fn("string", { "cidr_to_string: (cidr) -> string": onCidr((_, value) => value.toString()) }),
];
