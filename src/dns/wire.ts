import { decode, encode, type Packet, RECURSION_DESIRED, TRUNCATED_RESPONSE } from "dns-packet";
import type { Answer } from "./records.ts";

/** Between bytes and questions: the only file that knows the wire format's library. */
export interface Query {
  readonly id: number;
  /** In lower case, without the last dot. */
  readonly name: string;
  readonly type: string;
  readonly packet: Packet;
  /** What the client can take over UDP. */
  readonly maxUdpBytes: number;
}

export interface Response {
  readonly code: "NOERROR" | "NXDOMAIN" | "SERVFAIL" | "REFUSED";
  readonly authoritative?: boolean;
  readonly answers?: readonly Answer[];
  readonly additionals?: readonly Answer[];
  /** The zone whose SOA goes with a negative answer. */
  readonly authority?: string;
  readonly negativeTtl?: number;
  /** An upstream's answer, handed on as it is. */
  readonly raw?: Buffer;
}

const codes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;
const authoritativeAnswer = 1 << 10;
const recursionAvailable = 1 << 7;
const plainUdpBytes = 512;

/** Undefined for what is no query with exactly one question. */
export function decodeQuery(message: Buffer): Query | undefined {
  try {
    const packet = decode(message);
    const [question] = packet.questions ?? [];
    if (packet.type !== "query" || question === undefined || packet.questions?.length !== 1) return undefined;
    const edns = packet.additionals?.find((record) => record.type === "OPT");
    const offered = edns !== undefined && "udpPayloadSize" in edns ? edns.udpPayloadSize : plainUdpBytes;
    return {
      id: packet.id ?? 0,
      name: question.name.toLowerCase().replace(/\.$/, ""),
      type: question.type,
      packet,
      // 1,232 bytes pass every path without fragments (DNS flag day 2020).
      maxUdpBytes: Math.max(plainUdpBytes, Math.min(offered, 1232)),
    };
  } catch {
    return undefined;
  }
}

export function encodeResponse(query: Query, response: Response, transport: "udp" | "tcp"): Buffer {
  if (response.raw !== undefined) return response.raw;
  const asked = query.packet.flags ?? 0;
  const flags =
    (asked & RECURSION_DESIRED) |
    recursionAvailable |
    (response.authoritative === true || response.authority !== undefined ? authoritativeAnswer : 0) |
    codes[response.code];
  const packet: Packet = {
    type: "response",
    id: query.id,
    flags,
    questions: query.packet.questions ?? [],
    answers: [...(response.answers ?? [])] as NonNullable<Packet["answers"]>,
    additionals: [...(response.additionals ?? [])] as NonNullable<Packet["additionals"]>,
    authorities: response.authority === undefined ? [] : [soa(response.authority, response.negativeTtl ?? 5)],
  };
  const whole = encode(packet);
  if (transport === "tcp" || whole.length <= query.maxUdpBytes) return whole;
  const withoutExtras = encode({ ...packet, additionals: [] });
  if (withoutExtras.length <= query.maxUdpBytes) return withoutExtras;
  // The client asks again over TCP.
  return encode({ ...packet, answers: [], additionals: [], flags: flags | TRUNCATED_RESPONSE });
}

function soa(zone: string, ttl: number): NonNullable<Packet["authorities"]>[number] {
  return {
    type: "SOA",
    name: zone,
    ttl,
    data: {
      mname: `ns.dns.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    },
  };
}
