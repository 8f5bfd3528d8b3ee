import { once } from "node:events";
import { createServer as createPlainServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { FakeReader } from "../admission/testing/fake-reader.ts";
import { admissionReview } from "./review-form.ts";
import { WebhookServer } from "./testing/webhook-server.ts";
import { WebhookCallError } from "./webhook-call-error.ts";
import { WebhookCaller } from "./webhook-caller.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function newCaller(reader = new FakeReader()): WebhookCaller {
  const caller = new WebhookCaller({ reader, clock: new RealClock(), random: new SeededRandom(1) });
  cleanups.push(() => caller.close());
  return caller;
}

async function serve(...parameters: Parameters<typeof WebhookServer.listen>): Promise<WebhookServer> {
  const server = await WebhookServer.listen(...parameters);
  cleanups.push(() => server.close());
  return server;
}

const form = { form: admissionReview, version: "v1" };
const timeout = { ...form, timeoutMs: 10_000 };
const allowed = '{"response":{"allowed":true}}';

/** The message with which a call fails, with the port as PORT. */
async function failureOf(call: Promise<unknown>, port: number): Promise<string> {
  const error = await call.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WebhookCallError);
  return (error as Error).message.replaceAll(String(port), "PORT");
}

describe("a webhook at a URL", () => {
  test("is posted the value and told the time it has", async () => {
    const seen: unknown[] = [];
    const server = await serve((body, response, request) => {
      seen.push([request.method, request.url, request.headers["content-type"], body]);
      response.end(allowed);
    });
    const config = { url: server.url("/check"), caBundle: server.caBundle };
    const answer = await newCaller().post(config, { a: 1 }, { ...form, timeoutMs: 2_500 });
    expect(answer).toMatchObject({ response: { allowed: true } });
    expect(seen).toEqual([["POST", "/check?timeout=3s", "application/json", { a: 1 }]]);
  });

  test("is asked over one connection as long as calls follow each other", async () => {
    const server = await serve((_, response) => response.end(allowed));
    const caller = newCaller();
    for (let call = 0; call < 5; call++)
      await caller.post({ url: server.url(), caBundle: server.caBundle }, {}, timeout);
    expect(server.connections).toBe(1);
  });

  test("that nobody serves is refused in the words of Go", async () => {
    const server = await WebhookServer.listen(() => undefined);
    const { port, caBundle } = server;
    await server.close();
    const call = newCaller().post({ url: server.url("/check"), caBundle }, {}, timeout);
    expect(await failureOf(call, port)).toBe(
      'Post "https://127.0.0.1:PORT/check?timeout=10s": dial tcp 127.0.0.1:PORT: connect: connection refused',
    );
  });

  test("at a name that has more than one address tells which of them did not answer", async () => {
    const server = await serve((_, response) => response.end(allowed));
    await server.close();
    const url = server.url("/check").replace("127.0.0.1", "localhost");
    expect(await failureOf(newCaller().post({ url }, {}, timeout), server.port)).toMatch(
      /^Post "https:\/\/localhost:PORT\/check\?timeout=10s": dial tcp (?:127\.0\.0\.1|\[::1\]):PORT: connect: connection refused$/,
    );
  });

  test.each([
    ["//mutate", "/mutate"],
    ["/mutate/", "/mutate"],
    ["/a//b", "/a/b"],
    ["", "/"],
  ])("whose path is %j is asked at %j", async (given, asked) => {
    const paths: string[] = [];
    const server = await serve((_, response, request) => {
      paths.push(request.url ?? "");
      response.end(allowed);
    });
    await newCaller().post({ url: server.url(given), caBundle: server.caBundle }, {}, timeout);
    expect(paths).toEqual([`${asked}?timeout=10s`]);
  });

  test("whose bundle is the very certificate that it shows is believed, as envtest has it", async () => {
    const server = await serve((_, response) => response.end(allowed));
    const trusted = { url: server.url(), caBundle: server.ownBundle };
    await expect(newCaller().post(trusted, {}, timeout)).resolves.toBeDefined();
  });

  test("with a certificate of another authority is not believed", async () => {
    const server = await serve((_, response) => response.end(allowed));
    const other = await serve((_, response) => response.end(allowed));
    const call = newCaller().post({ url: server.url(), caBundle: other.caBundle }, {}, timeout);
    expect(await failureOf(call, server.port)).toContain(
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    );
  });

  test.each([
    [
      { dnsNames: ["a.example"], ipAddresses: ["10.0.0.1", "10.0.0.2"] },
      "x509: certificate is valid for 10.0.0.1, 10.0.0.2, not 127.0.0.1",
    ],
    [
      { dnsNames: ["a.example"], ipAddresses: [] },
      "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
    ],
  ])("with a certificate for %j is not believed", async (names, why) => {
    const server = await serve((_, response) => response.end(allowed), names);
    const call = newCaller().post({ url: server.url(), caBundle: server.caBundle }, {}, timeout);
    expect(await failureOf(call, server.port)).toContain(why);
  });

  test("with a certificate of last year is not believed", async () => {
    const year = 366 * 24 * 3600 * 1000;
    const names = { dnsNames: [], ipAddresses: ["127.0.0.1"] };
    const server = await serve((_, response) => response.end(allowed), names, new RealClock().now() - year);
    const call = newCaller().post({ url: server.url(), caBundle: server.caBundle }, {}, timeout);
    expect(await failureOf(call, server.port)).toMatch(
      /x509: certificate has expired or is not yet valid: current time \S+Z$/,
    );
  });

  test("that speaks plain HTTP is told from one that is down", async () => {
    const server = createPlainServer((_, response) => response.end(allowed)).listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanups.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const call = newCaller().post({ url: `https://127.0.0.1:${port}/` }, {}, timeout);
    expect(await failureOf(call, port)).toContain("http: server gave HTTP response to HTTPS client");
  });

  test("is not waited for when the client has gone", async () => {
    const server = await serve(() => undefined);
    const client = new AbortController();
    const config = { url: server.url(), caBundle: server.caBundle };
    const call = newCaller().post(config, {}, { ...timeout, signal: client.signal });
    client.abort();
    expect(await failureOf(call, server.port)).toContain("context canceled");
  });
});

describe("a webhook behind a Service", () => {
  const service = (spec: object) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "hook", namespace: "ops" },
    spec,
  });
  const slice = (port: number, ...addresses: string[]) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "hook-1", namespace: "ops", labels: { "kubernetes.io/service-name": "hook" } },
    addressType: "IPv4",
    ports: [{ name: "https", port, protocol: "TCP" }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  });
  const ports = [{ name: "https", port: 443, targetPort: 9443 }];
  const names = { dnsNames: ["hook.ops.svc"], ipAddresses: [] };
  const reference = { namespace: "ops", name: "hook", path: "/check" };

  test("is reached at a ready endpoint, under the name of the Service", async () => {
    const seen: unknown[] = [];
    const server = await serve((_, response, request) => {
      seen.push(request.headers.host, request.url);
      response.end(allowed);
    }, names);
    const reader = new FakeReader()
      .put("services", service({ ports }))
      .put("endpointslices.discovery.k8s.io", slice(server.port, "127.0.0.1"));
    await newCaller(reader).post({ service: reference, caBundle: server.caBundle }, {}, timeout);
    expect(seen).toEqual(["hook.ops.svc:443", "/check?timeout=10s"]);
  });

  test("is reached when one of its endpoints has just gone", async () => {
    const server = await serve((_, response) => response.end(allowed), names);
    const reader = new FakeReader()
      .put("services", service({ ports }))
      .put("endpointslices.discovery.k8s.io", slice(server.port, "127.0.0.2", "127.0.0.1"));
    const caller = newCaller(reader);
    for (let call = 0; call < 6; call++) {
      const answer = await caller.post({ service: reference, caBundle: server.caBundle }, {}, timeout);
      expect(answer).toMatchObject({ response: { allowed: true } });
    }
  });

  test.each([
    ["does not exist", new FakeReader(), 'service "hook" not found'],
    [
      "has another port",
      new FakeReader().put("services", service({ ports: [{ port: 80 }] })),
      'no service port 443 found for service "hook"',
    ],
    [
      "has no endpoints",
      new FakeReader().put("services", service({ ports })),
      'no endpoints available for service "hook"',
    ],
  ])("that %s is named", async (_, reader, why) => {
    const call = newCaller(reader).post({ service: reference }, {}, timeout);
    expect(await failureOf(call, -1)).toBe(`Post "https://hook.ops.svc:443/check?timeout=10s": ${why}`);
  });
});
