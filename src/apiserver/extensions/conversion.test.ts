import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { WebhookServer } from "../webhook/testing/webhook-server.ts";
import { definitionsPath, established } from "./testing/definitions.ts";

let started: TestServer;
let api: TestApi;
let webhook: WebhookServer;
let convert: (object: UnstructuredObject, to: string) => object;
let calls = 0;

interface Review {
  apiVersion: string;
  kind: string;
  request: { uid: string; desiredAPIVersion: string; objects: UnstructuredObject[] };
}

/** Version 1 has `host` and `port`, version 2 both in one text. */
function moved(object: UnstructuredObject, to: string): object {
  const { address, host, port, ...rest } = object as UnstructuredObject & Record<string, string>;
  if (to.endsWith("/v2")) return { ...rest, apiVersion: to, address: `${host}:${port}` };
  const [first, second] = (address ?? "").split(":");
  return { ...rest, apiVersion: to, host: first, port: second };
}

const texts = (...names: string[]): object => ({
  openAPIV3Schema: {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
  },
});

beforeEach(async () => {
  convert = moved;
  calls = 0;
  webhook = await WebhookServer.listen((body, response) => {
    calls++;
    const { request, apiVersion, kind } = body as Review;
    const convertedObjects = request.objects.map((object) => convert(object, request.desiredAPIVersion));
    const result = { status: "Success" };
    response.end(
      JSON.stringify({ apiVersion, kind, response: { uid: request.uid, result, convertedObjects } }),
    );
  });
  started = await startTestServer({ clock: new RealClock() });
  api = new TestApi(started.transport);
  await api.post(definitionsPath, {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "hosts.example.com" },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural: "hosts", kind: "Host" },
      versions: [
        { name: "v1", served: true, storage: true, schema: texts("host", "port") },
        { name: "v2", served: true, storage: false, schema: texts("address") },
      ],
      conversion: {
        strategy: "Webhook",
        webhook: {
          clientConfig: { url: webhook.url("/convert"), caBundle: webhook.caBundle },
          conversionReviewVersions: ["v1"],
        },
      },
    },
  });
  await established(api, "hosts.example.com");
});

afterEach(async () => {
  await started.server.close();
  await webhook.close();
});

const [first, second] = ["/apis/example.com/v1/hosts", "/apis/example.com/v2/hosts"];
const host = (name: string): object => ({
  apiVersion: "example.com/v1",
  kind: "Host",
  metadata: { name },
  host: "a",
  port: "1",
});

describe("versions that a webhook converts", () => {
  it("are read and written in each", async () => {
    await api.post(first, host("one"));
    expect(calls).toBe(0);
    const read = await api.get(`${second}/one`);
    expect(read).toMatchObject({ apiVersion: "example.com/v2", address: "a:1" });
    await api.put(`${second}/one`, { ...read, address: "b:2" });
    expect(await api.get(`${first}/one`)).toMatchObject({ host: "b", port: "2" });
  });

  it("are listed with one call", async () => {
    await api.post(first, host("one"));
    await api.post(first, host("two"));
    const list = await api.list(second);
    expect(list.items).toMatchObject([{ address: "a:1" }, { address: "a:1" }]);
    expect(calls).toBe(1);
  });

  it("cannot be read when the webhook makes something else of them", async () => {
    await api.post(first, host("one"));
    convert = (object, to) => ({ ...moved(object, to), metadata: { ...object.metadata, name: "other" } });
    const refused = await failure(api.get(`${second}/one`));
    expect(refused).toMatchObject({ code: 500 });
    expect(refused.message).toBe(
      "conversion webhook for example.com/v1, Kind=Host returned invalid object: must have the same name: one != other",
    );
  });
});
