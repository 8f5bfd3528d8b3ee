import { once } from "node:events";
import { createSecureServer, type Http2SecureServer, type Http2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { CertificateAuthority } from "../../pki/authority.ts";
import { FakeReader } from "../admission/testing/fake-reader.ts";
import { admissionReview } from "./review-form.ts";
import { WebhookServer } from "./testing/webhook-server.ts";
import { WebhookCaller, type WebhookCallerOptions } from "./webhook-caller.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function newCaller(options: Partial<WebhookCallerOptions> = {}): WebhookCaller {
  const caller = new WebhookCaller({
    reader: new FakeReader(),
    clock: new RealClock(),
    random: new SeededRandom(1),
    ...options,
  });
  cleanups.push(() => caller.close());
  return caller;
}

interface Started {
  readonly server: Http2SecureServer;
  readonly sessions: Http2Session[];
  readonly config: { readonly url: string; readonly caBundle: string };
}

/** Answers each stream with the version that it came by, once `gate` is open. */
async function startHttp2(gate: Promise<unknown> = Promise.resolve()): Promise<Started> {
  const nowMs = new RealClock().now();
  const authority = CertificateAuthority.create("webhook", nowMs);
  const names = { dnsNames: [], ipAddresses: ["127.0.0.1"] };
  const { key, certificate } = authority.issueServer("webhook", names, nowMs);
  const server = createSecureServer({ key, cert: certificate, allowHTTP1: true }, (request, response) => {
    request.resume();
    const { httpVersion } = request;
    void gate.then(() => response.end(JSON.stringify({ response: { uid: httpVersion } })));
  });
  const sessions: Http2Session[] = [];
  server.on("session", (session) => sessions.push(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    server,
    sessions,
    config: {
      url: `https://127.0.0.1:${port}/`,
      caBundle: Buffer.from(authority.certificate).toString("base64"),
    },
  };
}

const call = { form: admissionReview, version: "v1", timeoutMs: 5000 };
const byHttp2 = { response: { uid: "2.0" } };

describe("a webhook on this machine that speaks HTTP/2", () => {
  test("is asked many times at once over one connection", async () => {
    const { sessions, config } = await startHttp2();
    const caller = newCaller();
    const reviews = await Promise.all(Array.from({ length: 50 }, () => caller.post(config, { a: 1 }, call)));
    expect(reviews).toMatchObject(Array.from({ length: 50 }, () => byHttp2));
    expect(sessions).toHaveLength(1);
  });

  test("may end its connection: the next call makes another one", async () => {
    const { sessions, config } = await startHttp2();
    const caller = newCaller();
    await caller.post(config, {}, call);
    sessions[0]?.goaway();
    expect(await caller.post(config, {}, call)).toMatchObject(byHttp2);
    sessions[1]?.destroy();
    expect(await caller.post(config, {}, call)).toMatchObject(byHttp2);
  });

  test("that hangs is left in time, and others on the connection go on", async () => {
    let open = (): void => undefined;
    const { sessions, config } = await startHttp2(new Promise<void>((resolve) => (open = resolve)));
    const caller = newCaller();
    const patient = caller.post(config, {}, call);
    await expect(caller.post(config, {}, { ...call, timeoutMs: 200 })).rejects.toThrow(
      `Post "${config.url}?timeout=1s": context deadline exceeded`,
    );
    open();
    expect(await patient).toMatchObject(byHttp2);
    expect(sessions).toHaveLength(1);
  });

  test("is not kept connected when nobody asks it", async () => {
    const { sessions, config } = await startHttp2();
    await newCaller({ idleMs: 50 }).post(config, {}, call);
    await vi.waitFor(() => expect(sessions[0]?.destroyed).toBe(true));
  });

  test("is trusted with its own authority only", async () => {
    const { config } = await startHttp2();
    const other = await startHttp2();
    const caller = newCaller();
    await caller.post(config, {}, call);
    await expect(caller.post({ ...config, caBundle: other.config.caBundle }, {}, call)).rejects.toThrow(
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    );
  });
});

describe("a webhook on this machine that speaks HTTP/1.1", () => {
  test("is asked over the connection by which that was found out, and one more for each call at the same time", async () => {
    const waiting: (() => void)[] = [];
    const server = await WebhookServer.listen((_, response) => {
      waiting.push(() => response.end("{}"));
      if (waiting.length >= 3) for (const answer of waiting.splice(0)) answer();
    });
    cleanups.push(() => server.close());
    const caller = newCaller();
    const config = { url: server.url(), caBundle: server.caBundle };
    for (let round = 0; round < 3; round++)
      await Promise.all([1, 2, 3].map(() => caller.post(config, {}, call)));
    expect(server.connections).toBe(3);
  });

  test("is not kept connected when nobody asks it", async () => {
    const server = await WebhookServer.listen((_, response) => response.end("{}"));
    cleanups.push(() => server.close());
    await newCaller({ idleMs: 50 }).post({ url: server.url(), caBundle: server.caBundle }, {}, call);
    await vi.waitFor(() => expect(server.open).toBe(0));
  });
});
