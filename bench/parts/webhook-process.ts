/**
 * Webhooks in a process of their own: each answers every review with yes as fast as Node can, over connections that are kept. Says
 * the ports and the authority when all listen, and for each message how much it was asked since the one before.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { RealClock } from "../../src/apimachinery/clock.ts";
import { CertificateAuthority } from "../../src/pki/index.ts";

export interface WebhookReady {
  /** A webhook each, as operators have. */
  readonly ports: readonly number[];
  /** In base64, as configurations have it. */
  readonly caBundle: string;
}

export interface WebhookCounts {
  readonly reviews: number;
  readonly connections: number;
}

const nowMs = new RealClock().now();
const authority = CertificateAuthority.create("bench-webhook", nowMs);
const { key, certificate } = authority.issueServer(
  "webhook",
  { dnsNames: [], ipAddresses: ["127.0.0.1"] },
  nowMs,
);

let reviews = 0;
let connections = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    reviews++;
    const text = Buffer.concat(chunks).toString("latin1");
    const uid = /"uid":"([^"]+)"/.exec(text)?.[1] ?? "";
    const body = JSON.stringify({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid, allowed: true },
    });
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  });
}

function listen(): Promise<number> {
  const server = createServer({ key, cert: certificate }, answer);
  server.keepAliveTimeout = 120_000;
  server.on("secureConnection", () => connections++);
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" ? (address?.port ?? 0) : 0);
    });
  });
}

const ports = await Promise.all(Array.from({ length: 10 }, listen));
const caBundle = Buffer.from(authority.certificate).toString("base64");
process.send?.({ ports, caBundle } satisfies WebhookReady);
process.on("message", () => {
  process.send?.({ reviews, connections } satisfies WebhookCounts);
  reviews = 0;
  connections = 0;
});
process.on("disconnect", () => process.exit(0));
