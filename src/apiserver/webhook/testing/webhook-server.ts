import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { RealClock } from "../../../apimachinery/clock.ts";
import { CertificateAuthority } from "../../../pki/authority.ts";

/** What a webhook in a test does with a request; `body` is parsed JSON. */
export type WebhookHandler = (body: unknown, response: ServerResponse, request: IncomingMessage) => void;

/** A webhook on loopback, with a certificate of its own authority for the given names. */
export class WebhookServer {
  readonly port: number;
  /** Base64, for a client configuration. */
  readonly caBundle: string;
  /** What the server shows, likewise. */
  readonly ownBundle: string;
  /** TLS connections that were opened so far. */
  connections = 0;
  /** Those that are open now. */
  open = 0;
  readonly #server: Server;

  private constructor(server: Server, authority: CertificateAuthority, certificate: string) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.caBundle = Buffer.from(authority.certificate).toString("base64");
    this.ownBundle = Buffer.from(certificate).toString("base64");
    server.on("secureConnection", (socket) => {
      this.connections++;
      this.open++;
      socket.on("close", () => this.open--);
    });
  }

  static async listen(
    handler: WebhookHandler,
    names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] },
    issuedAtMs = new RealClock().now(),
  ): Promise<WebhookServer> {
    const authority = CertificateAuthority.create("webhook", issuedAtMs);
    const { key, certificate } = authority.issueServer("webhook", names, issuedAtMs);
    const server = createServer({ key, cert: certificate }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => handler(JSON.parse(Buffer.concat(chunks).toString()), response, request));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new WebhookServer(server, authority, certificate);
  }

  url(path = "/"): string {
    return `https://127.0.0.1:${this.port}${path}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
