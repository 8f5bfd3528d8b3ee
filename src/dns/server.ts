import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import { forward } from "./forward.ts";
import { type Answer, type ClusterView, resolve, ttlSeconds } from "./records.ts";
import { decodeQuery, encodeResponse, type Query, type Response } from "./wire.ts";

/**
 * Cluster DNS in this process: answers the cluster's names from the informer caches, and asks the host's resolvers for the
 * rest. One server listens on UDP and TCP of one address.
 */
export interface DnsServerOptions {
  readonly address: string;
  readonly port: number;
  /** `cluster.local` */
  readonly domain: string;
  readonly view: ClusterView;
  /** Addresses of resolvers for all other names; empty: they are answered with SERVFAIL. */
  readonly upstreams: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A name may lead through so many CNAMEs before it counts as a loop. */
const maxAliases = 8;
/** Queries asked upstream at once; more are refused, so that a flood holds no memory. */
const maxForwarding = 512;
const idleTcpMs = 10_000;
/** So often another free port is tried when one is free for UDP alone. */
const portAttempts = 10;

export class DnsServer {
  readonly #options: DnsServerOptions;
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  #forwarding = 0;
  readonly #connections = new Set<Socket>();

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** Resolves when both sockets listen; rejects when the port is taken. Port 0 takes one that is free for both. */
  async listen(): Promise<{ address: string; port: number }> {
    const { address, port } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const bound = await this.#listenUdp(address, port);
      try {
        await this.#listenTcp(address, bound);
        return { address, port: bound };
      } catch (error) {
        // The port that UDP was given may belong to somebody's TCP listener: another one will do.
        if (port !== 0 || attempt === portAttempts) throw error;
        await new Promise<void>((settle) => this.#udp?.close(() => settle()));
      }
    }
  }

  async #listenUdp(address: string, port: number): Promise<number> {
    const udp = createSocket("udp4");
    udp.on("message", (message, peer) => {
      void this.#answer(message, "udp").then((response) => {
        if (response !== undefined) udp.send(response, peer.port, peer.address);
      });
    });
    await new Promise<void>((settle, reject) => {
      udp.once("error", reject);
      udp.bind(port, address, settle);
    });
    udp.removeAllListeners("error");
    udp.on("error", (error) => this.#options.logger.warn("DNS socket", { error }));
    this.#udp = udp;
    return udp.address().port;
  }

  async #listenTcp(address: string, port: number): Promise<void> {
    const tcp = createServer((socket) => this.#serveTcp(socket));
    await new Promise<void>((settle, reject) => {
      tcp.once("error", reject);
      tcp.listen(port, address, settle);
    });
    this.#tcp = tcp;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([
      new Promise<void>((settle) => (this.#udp === undefined ? settle() : this.#udp.close(() => settle()))),
      new Promise<void>((settle) => (this.#tcp === undefined ? settle() : this.#tcp.close(() => settle()))),
    ]);
  }

  #serveTcp(socket: Socket): void {
    this.#connections.add(socket);
    let pending = Buffer.alloc(0);
    socket.setTimeout(idleTcpMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const message = pending.subarray(2, 2 + pending.readUInt16BE(0));
        pending = pending.subarray(2 + message.length);
        void this.#answer(message, "tcp").then((response) => {
          if (response === undefined || !socket.writable) return;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(response.length);
          socket.write(Buffer.concat([length, response]));
        });
      }
    });
  }

  /** The response to one message; undefined for what is no query and deserves no answer. */
  async #answer(message: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    const query = decodeQuery(message);
    if (query === undefined) return undefined;
    try {
      return encodeResponse(query, await this.#respond(query, message, transport), transport);
    } catch (error) {
      this.#options.logger.warn("DNS query failed", { name: query.name, type: query.type, error });
      return encodeResponse(query, { code: "SERVFAIL" }, transport);
    }
  }

  async #respond(query: Query, message: Buffer, transport: "udp" | "tcp"): Promise<Response> {
    const { view, domain } = this.#options;
    const local = resolve(view, domain, query.name, query.type);
    if (local === undefined) return await this.#ask(message, transport);
    const authority = domain;
    if (!local.exists) return { code: "NXDOMAIN", authority, negativeTtl: ttlSeconds };
    if (local.answers.length === 0) return { code: "NOERROR", authority, negativeTtl: ttlSeconds };
    const answers = await this.#followAliases(local.answers, query.type);
    return { code: "NOERROR", authoritative: true, answers, additionals: local.additionals };
  }

  /** An ExternalName is answered with its target's addresses too, so that simple clients need no second question. */
  async #followAliases(answers: readonly Answer[], type: string): Promise<Answer[]> {
    const result = [...answers];
    if (type === "CNAME") return result;
    let last = result.at(-1);
    for (let hops = 0; hops < maxAliases && last?.type === "CNAME"; hops++) {
      const target = last.data.toLowerCase().replace(/\.$/, "");
      const local = resolve(this.#options.view, this.#options.domain, target, type);
      const found = local === undefined ? await this.#addresses(target, type) : local.answers;
      result.push(...found);
      last = found.at(-1);
    }
    return result;
  }

  async #addresses(name: string, type: string): Promise<readonly Answer[]> {
    const { lookupUpstream } = await import("./forward.ts");
    return await lookupUpstream(name, type, this.#options.upstreams, this.#options.clock).catch(() => []);
  }

  async #ask(message: Buffer, transport: "udp" | "tcp"): Promise<Response> {
    const { upstreams, clock } = this.#options;
    if (upstreams.length === 0) return { code: "SERVFAIL" };
    if (this.#forwarding >= maxForwarding) return { code: "REFUSED" };
    this.#forwarding++;
    try {
      const raw = await forward(message, transport, upstreams, clock);
      return raw === undefined ? { code: "SERVFAIL" } : { code: "NOERROR", raw };
    } finally {
      this.#forwarding--;
    }
  }
}
