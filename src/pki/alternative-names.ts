import { isIP } from "node:net";
import { context, type DerValue, membersOf, sequence } from "./der.ts";

/** Subject alternative names: what a server certificate is valid for. */
export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  /** Textual IPv4 or IPv6 addresses. */
  readonly ipAddresses: readonly string[];
  readonly uris?: readonly string[];
  readonly emailAddresses?: readonly string[];
}

const kinds = { email: 1, dns: 2, uri: 6, ip: 7 } as const;

/** The GeneralNames value of the extension; undefined when there is no name at all. */
export function encodeAlternativeNames(names: AlternativeNames): Buffer | undefined {
  const parts = [
    ...names.dnsNames.map((name) => context(kinds.dns, false, Buffer.from(name, "latin1"))),
    ...(names.emailAddresses ?? []).map((name) => context(kinds.email, false, Buffer.from(name, "latin1"))),
    ...names.ipAddresses.map((address) => context(kinds.ip, false, ipOctets(address))),
    ...(names.uris ?? []).map((uri) => context(kinds.uri, false, Buffer.from(uri, "latin1"))),
  ];
  return parts.length === 0 ? undefined : sequence(...parts);
}

export function decodeAlternativeNames(value: DerValue): Required<AlternativeNames> {
  const result = {
    dnsNames: [] as string[],
    ipAddresses: [] as string[],
    uris: [] as string[],
    emailAddresses: [] as string[],
  };
  for (const { tag, content } of membersOf(value)) {
    const kind = tag & 0x1f;
    if (kind === kinds.dns) result.dnsNames.push(content.toString("latin1"));
    else if (kind === kinds.email) result.emailAddresses.push(content.toString("latin1"));
    else if (kind === kinds.uri) result.uris.push(content.toString("latin1"));
    else if (kind === kinds.ip) result.ipAddresses.push(ipText(content));
  }
  return result;
}

/** 4 or 16 octets; throws for text that is no address. */
export function ipOctets(address: string): Buffer {
  const numbers = ipv4Numbers(address);
  if (numbers !== undefined) return Buffer.from(numbers);
  if (isIP(address) !== 6) throw new Error(`${address} is not an IP address`);
  // The URL parser writes IPv6 in its canonical form, an embedded IPv4 tail included.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groupsOf = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return Buffer.from(
    [...before, ...(tail === undefined ? [] : zeros), ...after].flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

/** Without Node's patterns for addresses, which take milliseconds of a start to compile. */
function ipv4Numbers(address: string): number[] | undefined {
  const parts = address.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
    ? parts.map(Number)
    : undefined;
}

function ipText(octets: Buffer): string {
  if (octets.length === 4) return [...octets].join(".");
  const groups = Array.from({ length: 8 }, (_, index) => octets.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** True when both hold the same names, in any order and spelling of addresses. */
export function sameAlternativeNames(a: AlternativeNames, b: AlternativeNames): boolean {
  const normal = (names: AlternativeNames): string =>
    JSON.stringify([
      names.dnsNames.toSorted(),
      names.ipAddresses.map((address) => ipOctets(address).toString("hex")).toSorted(),
    ]);
  return normal(a) === normal(b);
}
