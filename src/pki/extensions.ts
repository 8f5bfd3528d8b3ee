import {
  type AlternativeNames,
  decodeAlternativeNames,
  encodeAlternativeNames,
} from "./alternative-names.ts";
import {
  bitList,
  boolean,
  context,
  type DerValue,
  membersOf,
  octetString,
  oid,
  readBitList,
  readOid,
  readValue,
  sequence,
  tags,
} from "./der.ts";

/** Key usages as certificates.k8s.io names them, with their bit in RFC 5280's KeyUsage. */
export const keyUsageBits = {
  "digital signature": 0,
  signing: 0,
  "content commitment": 1,
  "key encipherment": 2,
  "data encipherment": 3,
  "key agreement": 4,
  "cert sign": 5,
  "crl sign": 6,
  "encipher only": 7,
  "decipher only": 8,
} as const;

/** Extended key usages as certificates.k8s.io names them. */
export const extendedKeyUsageOids = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1",
} as const;

export type KeyUsage = keyof typeof keyUsageBits | keyof typeof extendedKeyUsageOids;

const oids = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** What the extensions of a certificate say. */
export interface Extensions {
  readonly isAuthority: boolean;
  readonly usages: readonly KeyUsage[];
  readonly alternativeNames: AlternativeNames;
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** The Extensions value (RFC 5280 4.2); keyUsage and basicConstraints are critical. */
export function encodeExtensions(content: Extensions): Buffer {
  const bits = [...new Set(content.usages.flatMap((usage) => bitOf(usage)))];
  const extended = [...new Set(content.usages.flatMap((usage) => oidOf(usage)))];
  const names = encodeAlternativeNames(content.alternativeNames);
  const parts: Buffer[] = [];
  if (bits.length > 0) parts.push(extension(oids.keyUsage, true, bitList(bits)));
  if (extended.length > 0)
    parts.push(extension(oids.extendedKeyUsage, false, sequence(...extended.map(oid))));
  parts.push(
    extension(oids.basicConstraints, true, content.isAuthority ? sequence(boolean(true)) : sequence()),
  );
  if (content.subjectKeyId !== undefined) {
    parts.push(extension(oids.subjectKeyId, false, octetString(content.subjectKeyId)));
  }
  if (content.authorityKeyId !== undefined) {
    parts.push(extension(oids.authorityKeyId, false, sequence(context(0, false, content.authorityKeyId))));
  }
  if (names !== undefined) parts.push(extension(oids.subjectAltName, false, names));
  return sequence(...parts);
}

/** The extensionRequest of a signing request: names only, the signer decides on the rest. */
export function encodeRequestedExtensions(alternativeNames: AlternativeNames): Buffer | undefined {
  const names = encodeAlternativeNames(alternativeNames);
  return names === undefined ? undefined : sequence(extension(oids.subjectAltName, false, names));
}

const bitOf = (usage: KeyUsage): number[] =>
  usage in keyUsageBits ? [keyUsageBits[usage as keyof typeof keyUsageBits]] : [];
const oidOf = (usage: KeyUsage): string[] =>
  usage in extendedKeyUsageOids ? [extendedKeyUsageOids[usage as keyof typeof extendedKeyUsageOids]] : [];

/** True when the text names a usage that certificates.k8s.io knows. */
export const isKeyUsage = (text: string): text is KeyUsage =>
  Object.hasOwn(keyUsageBits, text) || Object.hasOwn(extendedKeyUsageOids, text);

/** Reads an Extensions value; those that are unknown are skipped. Throws DerError. */
export function decodeExtensions(value: DerValue | undefined): Extensions {
  let isAuthority = false;
  const usages: KeyUsage[] = [];
  let alternativeNames: AlternativeNames = { dnsNames: [], ipAddresses: [] };
  let subjectKeyId: Uint8Array | undefined;
  for (const member of value === undefined ? [] : membersOf(value)) {
    const parts = membersOf(member);
    const id = readOid(parts[0]);
    const octets = parts.at(-1)?.tag === tags.octetString ? parts.at(-1)?.content : undefined;
    if (octets === undefined) continue;
    if (id === oids.basicConstraints) {
      isAuthority = membersOf(readValue(octets)).some(
        (part) => part.tag === tags.boolean && part.content[0] !== 0,
      );
    } else if (id === oids.keyUsage) {
      const bits = readBitList(readValue(octets));
      usages.push(
        ...usagesFor(
          (usage) => usage !== "signing" && bits.includes(keyUsageBits[usage] ?? -1),
          keyUsageBits,
        ),
      );
    } else if (id === oids.extendedKeyUsage) {
      const found = membersOf(readValue(octets)).map(readOid);
      usages.push(
        ...usagesFor(
          (usage) => usage !== "s/mime" && found.includes(extendedKeyUsageOids[usage]),
          extendedKeyUsageOids,
        ),
      );
    } else if (id === oids.subjectAltName) alternativeNames = decodeAlternativeNames(readValue(octets));
    else if (id === oids.subjectKeyId) subjectKeyId = readValue(octets).content;
  }
  return { isAuthority, usages, alternativeNames, ...(subjectKeyId === undefined ? {} : { subjectKeyId }) };
}

function usagesFor<K extends KeyUsage>(
  matches: (usage: K) => boolean,
  table: Readonly<Record<K, unknown>>,
): K[] {
  return (Object.keys(table) as K[]).filter(matches);
}
