import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { RealClock } from "../../../apimachinery/clock.ts";
import { CertificateAuthority } from "../../../pki/authority.ts";

/** Does as it likes with the connection when a request has come whole; `body` is its JSON. */
export type RawHandler = (socket: TLSSocket, body: unknown) => void;

/** A server that decides about every byte of its answers, for what no library would let one send. */
export class RawServer {
  readonly port: number;
  readonly caBundle: string;
  handler: RawHandler = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();

  private constructor(server: Server, authority: CertificateAuthority) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.caBundle = Buffer.from(authority.certificate).toString("base64");
    server.on("secureConnection", (socket) => this.#read(socket));
  }

  static async listen(): Promise<RawServer> {
    const nowMs = new RealClock().now();
    const authority = CertificateAuthority.create("webhook", nowMs);
    const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
    const { key, certificate } = authority.issueServer("webhook", names, nowMs);
    const server = createServer({ key, cert: certificate, ALPNProtocols: ["http/1.1"] });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new RawServer(server, authority);
  }

  url(path = "/"): string {
    return `https://127.0.0.1:${this.port}${path}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #read(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    // Who is hung up on says so; that is what is tested.
    socket.on("error", () => undefined);
    let pending = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (let body = takeBody(); body !== undefined; body = takeBody())
        this.handler(socket, JSON.parse(body));
    });
    const takeBody = (): string | undefined => {
      const end = pending.indexOf("\r\n\r\n") + 4;
      const length = Number(/content-length: (\d+)/i.exec(pending.subarray(0, end).toString())?.[1] ?? 0);
      if (end < 4 || pending.length < end + length) return undefined;
      const body = pending.subarray(end, end + length).toString();
      pending = pending.subarray(end + length);
      return body;
    };
  }
}

/** A whole answer. */
export function answer(status: string, headers: readonly string[], body: string | Buffer): Buffer {
  const bytes = Buffer.from(body);
  const head = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${bytes.length}`, "", ""].join("\r\n");
  return Buffer.concat([Buffer.from(head), bytes]);
}
