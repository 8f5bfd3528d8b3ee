import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { RealClock } from "../../../apimachinery/clock.ts";
import { CertificateAuthority } from "../../../pki/index.ts";

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The common name of the certificate that the client showed. */
  readonly client: string | undefined;
  readonly body: string;
}

export type ExtensionHandler = (request: SeenRequest, response: ServerResponse) => void;

/** Another API server, on loopback: says what its one version has, and leaves all else to the handler. */
export class ExtensionServer {
  readonly seen: SeenRequest[] = [];
  /** What clients must trust, in base64. */
  readonly caBundle: string;
  discoveryStatus = 200;
  /** False leaves to the handler what the version has, too. */
  answersDiscovery = true;
  handler: ExtensionHandler = (_request, response) => response.writeHead(404).end();
  /** Answers that are under way. */
  open = 0;
  readonly #server: Server;

  private constructor(server: Server, authority: CertificateAuthority) {
    this.#server = server;
    this.caBundle = Buffer.from(authority.certificate).toString("base64");
  }

  /** `names` are those that the server's certificate is for. */
  static async listen(names: readonly string[] = ["sample-api.wardle.svc"]): Promise<ExtensionServer> {
    const nowMs = new RealClock().now();
    const authority = CertificateAuthority.create("extension", nowMs);
    const credential = authority.issueServer("extension", { dnsNames: [...names], ipAddresses: [] }, nowMs);
    const server = createServer({
      key: credential.key,
      cert: credential.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    });
    const extension = new ExtensionServer(server, authority);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      extension.open++;
      response.on("close", () => extension.open--);
      void extension.#answer(request, response);
    });
    // Speaks back what it hears.
    server.on("upgrade", (request: IncomingMessage, socket) => {
      extension.#note(request, "");
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return extension;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Of those that the test made, not of the checks whether the server is there. */
  get requests(): readonly SeenRequest[] {
    return this.seen.filter(({ headers }) => headers["x-remote-user"] !== "system:kube-aggregator");
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const seen = this.#note(request, Buffer.concat(chunks).toString());
    const isDiscovery = this.answersDiscovery && /^\/apis\/[^/]+\/[^/]+$/.test(seen.url);
    if (isDiscovery && seen.method === "GET") json(response, resources, this.discoveryStatus);
    else this.handler(seen, response);
  }

  #note({ method = "", url = "", headers, socket }: IncomingMessage, body: string): SeenRequest {
    const { subject } = (socket as TLSSocket).getPeerCertificate();
    // Node answers an empty object where no certificate was shown.
    const client = (subject as { readonly CN?: string } | undefined)?.CN;
    const seen = { method, url, headers, client, body };
    this.seen.push(seen);
    return seen;
  }
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

const resources = {
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: "wardle.example.com/v1alpha1",
  resources: [
    {
      name: "flunders",
      singularName: "flunder",
      namespaced: true,
      kind: "Flunder",
      verbs: ["create", "delete", "get", "list", "watch"],
    },
  ],
};
