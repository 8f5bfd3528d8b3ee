import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { type AdmissionRequest, review } from "./admission.ts";

export interface WebhookServerOptions {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** Default: one that is free. */
  readonly port?: number;
}

/** Serves the webhooks by HTTPS; resolves when it listens, with the port. */
export async function serveWebhooks(
  options: WebhookServerOptions,
): Promise<{ server: Server; port: number }> {
  const server = createServer({ cert: options.cert, key: options.key }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(400).end(String(error));
    });
  });
  server.listen(options.port ?? 0);
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "https://webhooks");
  const body = (await json(request)) as { request: AdmissionRequest };
  const text = JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: review(pathname, body.request),
  });
  response.writeHead(200, { "content-type": "application/json" }).end(text);
}
