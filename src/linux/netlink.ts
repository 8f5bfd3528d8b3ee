/**
 * The few rtnetlink messages that a pod's network needs, written out by hand: a spawned `ip` costs 5 ms, a message
 * 30 µs. Layouts are those of <linux/rtnetlink.h>; all numbers are little-endian, as on every machine Node runs on here.
 */

const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_REPLACE = 0x100;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;

const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;

const IFF_UP = 1;
const AF_INET = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

/** Sends one request and returns the replies that came before its acknowledgement. Throws NetlinkError. */
export interface NetlinkSocket {
  request(message: Buffer): Buffer[];
  /** The same, with the kernel's work done on the thread pool. One request at a time. */
  requestLater(message: Buffer): Promise<Buffer[]>;
  close(): void;
}

export class NetlinkError extends Error {
  /** The positive errno. */
  readonly errno: number;

  constructor(errno: number, what: string) {
    super(`netlink ${what}: errno ${errno}`);
    this.name = "NetlinkError";
    this.errno = errno;
  }
}

/** A pair of interfaces: one here, its peer in the namespace that the descriptor names. */
export function newVeth(name: string, peer: string, peerNamespaceFd: number, mtu: number): Buffer {
  const peerInfo = Buffer.concat([
    interfaceInfo(0, 0, 0),
    stringAttribute(IFLA_IFNAME, peer),
    numberAttribute(IFLA_MTU, mtu),
    numberAttribute(IFLA_NET_NS_FD, peerNamespaceFd),
  ]);
  const linkInfo = Buffer.concat([
    stringAttribute(IFLA_INFO_KIND, "veth"),
    attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peerInfo)),
  ]);
  return message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, [
    interfaceInfo(0, 0, 0),
    stringAttribute(IFLA_IFNAME, name),
    numberAttribute(IFLA_MTU, mtu),
    attribute(IFLA_LINKINFO, linkInfo),
  ]);
}

export function deleteLink(name: string): Buffer {
  return message(RTM_DELLINK, 0, [interfaceInfo(0, 0, 0), stringAttribute(IFLA_IFNAME, name)]);
}

export function getLink(name: string): Buffer {
  return message(RTM_GETLINK, 0, [interfaceInfo(0, 0, 0), stringAttribute(IFLA_IFNAME, name)]);
}

/** The index in a reply to getLink. */
export function linkIndex(reply: Buffer): number {
  return reply.readInt32LE(16 + 4);
}

export function setLinkUp(index: number): Buffer {
  return message(RTM_NEWLINK, 0, [interfaceInfo(index, IFF_UP, IFF_UP)]);
}

/** Adds an IPv4 address with its prefix length. */
export function newAddress(index: number, address: string, prefixLength: number): Buffer {
  const info = Buffer.alloc(8);
  info.writeUInt8(AF_INET, 0);
  info.writeUInt8(prefixLength, 1);
  info.writeUInt32LE(index, 4);
  const bytes = ipv4Bytes(address);
  return message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, [
    info,
    attribute(IFA_LOCAL, bytes),
    attribute(IFA_ADDRESS, bytes),
  ]);
}

export interface Route {
  /** `10.244.0.7/32`, or `default`. */
  readonly destination: string;
  readonly interfaceIndex: number;
  readonly gateway?: string;
  readonly source?: string;
}

export function newRoute(route: Route): Buffer {
  const [address, length] = route.destination === "default" ? ["", "0"] : route.destination.split("/");
  const info = Buffer.alloc(12);
  info.writeUInt8(AF_INET, 0);
  info.writeUInt8(Number(length ?? 32), 1);
  info.writeUInt8(RT_TABLE_MAIN, 4);
  info.writeUInt8(RTPROT_STATIC, 5);
  info.writeUInt8(route.gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, 6);
  info.writeUInt8(RTN_UNICAST, 7);
  const parts = [info, numberAttribute(RTA_OIF, route.interfaceIndex)];
  if (address !== undefined && address !== "") parts.push(attribute(RTA_DST, ipv4Bytes(address)));
  if (route.gateway !== undefined) parts.push(attribute(RTA_GATEWAY, ipv4Bytes(route.gateway)));
  if (route.source !== undefined) parts.push(attribute(RTA_PREFSRC, ipv4Bytes(route.source)));
  return message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, parts);
}

/** Splits what one receive returned into its messages. */
export function splitMessages(data: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let offset = 0; offset + 16 <= data.length; ) {
    const length = data.readUInt32LE(offset);
    if (length < 16) break;
    messages.push(data.subarray(offset, offset + length));
    offset += (length + 3) & ~3;
  }
  return messages;
}

/** The errno that an acknowledgement carries (0 = done), or undefined for a message of another kind. */
export function acknowledgedErrno(reply: Buffer): number | undefined {
  const NLMSG_ERROR = 2;
  return reply.readUInt16LE(4) === NLMSG_ERROR ? -reply.readInt32LE(16) : undefined;
}

/** Four bytes of a dotted address. */
export function ipv4Bytes(address: string): Buffer {
  const bytes = address.split(".").map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)) {
    throw new Error(`"${address}" is not an IPv4 address`);
  }
  return Buffer.from(bytes);
}

function message(type: number, flags: number, parts: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(16);
  const body = Buffer.concat(parts);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK | flags, 6);
  header.writeUInt32LE(1, 8);
  return Buffer.concat([header, body]);
}

function interfaceInfo(index: number, flags: number, change: number): Buffer {
  const info = Buffer.alloc(16);
  info.writeInt32LE(index, 4);
  info.writeUInt32LE(flags, 8);
  info.writeUInt32LE(change, 12);
  return info;
}

function attribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc((4 + value.length + 3) & ~3);
  padded.writeUInt16LE(4 + value.length, 0);
  padded.writeUInt16LE(type, 2);
  value.copy(padded, 4);
  return padded;
}

const stringAttribute = (type: number, value: string): Buffer => attribute(type, Buffer.from(`${value}\0`));

function numberAttribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value, 0);
  return attribute(type, bytes);
}
