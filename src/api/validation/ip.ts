import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { cidrErrors, ipErrors, isIp, isIpv6 } from "../../apimachinery/names.ts";
import type { Errors } from "./basics.ts";

/**
 * Addresses and ranges. New values must be in the one form that all parsers read alike (mirrors
 * k8s.io/apimachinery/pkg/util/validation/ip.go); values that were stored before only have to be readable.
 */
const leadingZero = /(?:^|\.)0[0-9]/;

/** `known` holds values of the old object, which stay valid whatever their form. */
export function checkIp(value: string, path: string, errors: Errors, known?: readonly string[]): boolean {
  if (known?.includes(value) === true) return true;
  const before = errors.length;
  for (const message of ipErrors(value)) errors.push(invalid(path, value, message));
  if (errors.length > before) return false;
  if (!value.includes(":") && leadingZero.test(value)) {
    errors.push(invalid(path, value, "must not have leading 0s"));
  } else if (isMappedIpv4(value)) {
    errors.push(invalid(path, value, "must not be an IPv4-mapped IPv6 address"));
  }
  return errors.length === before;
}

export function checkCidr(value: string, path: string, errors: Errors, known?: readonly string[]): boolean {
  const before = errors.length;
  for (const message of cidrErrors(value)) errors.push(invalid(path, value, message));
  if (errors.length > before || known?.includes(value) === true) return errors.length === before;
  const [address = "", bits = "0"] = value.split("/");
  if (!address.includes(":") && leadingZero.test(address)) {
    errors.push(invalid(path, value, "must not have leading 0s in IP or prefix length"));
  } else if (isMappedIpv4(address)) {
    errors.push(invalid(path, value, "must not have an IPv4-mapped IPv6 address"));
  } else if (hasBitsBeyond(address, Number(bits))) {
    errors.push(invalid(path, value, "must not have bits set beyond the prefix length"));
  }
  return errors.length === before;
}

/** The bytes of an address; none when it is no address. Mapped IPv4 addresses take their short form. */
export function ipBytes(address: string): readonly number[] {
  if (!isIp(address)) return [];
  if (!address.includes(":")) return address.split(".").map(Number);
  const bytes = ipv6Bytes(address);
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}

function ipv6Bytes(address: string): number[] {
  const tail = /^(.*:)([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/.exec(address);
  const hex = tail === null ? address : `${tail[1]}${word(tail[2], tail[3])}:${word(tail[4], tail[5])}`;
  const [head = "", rest] = hex.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = rest === undefined || rest === "" ? [] : rest.split(":");
  const gap = rest === undefined ? 0 : 8 - first.length - last.length;
  const groups = [...first, ...Array<string>(Math.max(gap, 0)).fill("0"), ...last];
  return groups.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

const word = (high: string | undefined, low: string | undefined): string =>
  (Number(high) * 256 + Number(low)).toString(16);

const isMapped = (bytes: readonly number[]): boolean =>
  bytes.length === 16 &&
  bytes.slice(0, 10).every((byte) => byte === 0) &&
  bytes[10] === 0xff &&
  bytes[11] === 0xff;

function isMappedIpv4(address: string): boolean {
  return address.includes(":") && isIpv6(address) && isMapped(ipv6Bytes(address));
}

function hasBitsBeyond(address: string, bits: number): boolean {
  const bytes = address.includes(":") ? ipv6Bytes(address) : ipBytes(address);
  return bytes.some((byte, index) => {
    const kept = Math.min(Math.max(bits - index * 8, 0), 8);
    return (byte & (0xff >> kept)) !== 0;
  });
}

/** True for the addresses of IPv6 that are not IPv4 in disguise. */
export const isIpv6Address = (address: string): boolean => ipBytes(address).length === 16;

/** One address of each family, as text lists of Pods, Services and Nodes must have it. */
export function isDualStack(addresses: readonly string[]): boolean {
  const families = new Set(addresses.map((address) => ipBytes(address.split("/")[0] ?? "").length));
  return families.has(4) && families.has(16);
}

/** Endpoints and external addresses: no loopback, link-local or unspecified address. */
export function checkNonSpecialIp(address: string, path: string, errors: Errors): void {
  const bytes = ipBytes(address);
  const problem = (detail: string): FieldError => invalid(path, address, detail);
  if (bytes.length === 0) {
    errors.push(problem("must be a valid IP address"));
    return;
  }
  const [first = 0, second = 0] = bytes;
  const isV4 = bytes.length === 4;
  if (bytes.every((byte) => byte === 0)) errors.push(problem(`may not be unspecified (${address})`));
  if (isV4 ? first === 127 : bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) {
    errors.push(problem("may not be in the loopback range (127.0.0.0/8, ::1/128)"));
  }
  if (isV4 ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80) {
    errors.push(problem("may not be in the link-local range (169.254.0.0/16, fe80::/10)"));
  }
  const isMulticast = isV4
    ? first === 224 && second === 0 && bytes[2] === 0
    : first === 0xff && (second & 0x0f) === 0x02;
  if (isMulticast) {
    errors.push(problem("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"));
  }
}

/** The one spelling of an address that is valid (RFC 5952). */
export const canonicalIp = (address: string): string =>
  address.includes(":") ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;

/** The one spelling of a range that is valid and has no bits beyond its prefix. */
export function canonicalCidr(range: string): string {
  const [address = "", bits = ""] = range.split("/");
  return `${canonicalIp(address)}/${bits}`;
}
