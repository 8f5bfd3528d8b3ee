import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { decode, encode, RECURSION_DESIRED } from "dns-packet";
import type { Clock } from "../apimachinery/clock.ts";
import type { Answer } from "./records.ts";

/** Milliseconds to wait for one upstream before the next is asked. */
const attemptMs = 2000;

/** Asks the upstreams in order; the first answer is handed on as bytes. Undefined when none answers. */
export async function forward(
  message: Buffer,
  transport: "udp" | "tcp",
  upstreams: readonly string[],
  clock: Clock,
): Promise<Buffer | undefined> {
  for (const upstream of upstreams) {
    const answer = await (transport === "udp" ? askUdp : askTcp)(message, upstream, clock);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** `192.0.2.1` or `192.0.2.1:5353`. */
function endpointOf(upstream: string): { host: string; port: number } {
  const [host = upstream, port = "53"] = upstream.split(":");
  return { host, port: Number(port) };
}

function askUdp(message: Buffer, upstream: string, clock: Clock): Promise<Buffer | undefined> {
  const { host, port } = endpointOf(upstream);
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const finish = (answer: Buffer | undefined): void => {
      timer.stop();
      socket.close();
      resolve(answer);
    };
    const timer = clock.after(attemptMs, () => finish(undefined));
    socket.once("error", () => finish(undefined));
    // A connected socket hears only the peer that was asked.
    socket.connect(port, host, () => socket.send(message));
    socket.on("message", (answer) => {
      if (answer.length >= 12 && answer.readUInt16BE(0) === message.readUInt16BE(0)) finish(answer);
    });
  });
}

function askTcp(message: Buffer, upstream: string, clock: Clock): Promise<Buffer | undefined> {
  const { host, port } = endpointOf(upstream);
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let received = Buffer.alloc(0);
    const finish = (answer: Buffer | undefined): void => {
      timer.stop();
      socket.destroy();
      resolve(answer);
    };
    const timer = clock.after(attemptMs, () => finish(undefined));
    socket.once("error", () => finish(undefined));
    socket.once("close", () => finish(undefined));
    socket.once("connect", () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
    });
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        finish(received.subarray(2, 2 + received.readUInt16BE(0)));
      }
    });
  });
}

/** The records of a name that an ExternalName leads to. */
export async function lookupUpstream(
  name: string,
  type: string,
  upstreams: readonly string[],
  clock: Clock,
): Promise<readonly Answer[]> {
  if (type !== "A" && type !== "AAAA") return [];
  const question = encode({ type: "query", id: 1, flags: RECURSION_DESIRED, questions: [{ name, type }] });
  const raw = await forward(question, "udp", upstreams, clock);
  if (raw === undefined) return [];
  const records = decode(raw).answers ?? [];
  return records.filter((record) => ["A", "AAAA", "CNAME"].includes(record.type)) as unknown as Answer[];
}

/** The resolvers of a resolv.conf that the cluster can use: IPv4, and not the cluster's own. */
export function upstreamsOf(resolvConf: string, own: readonly string[]): string[] {
  return resolvConf
    .split("\n")
    .map((line) => /^\s*nameserver\s+([\d.]+)\s*$/.exec(line)?.[1])
    .filter((address) => address !== undefined && !own.includes(address))
    .map(String);
}
