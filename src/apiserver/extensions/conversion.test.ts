import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
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
/** What is answered in place of the review, made of it. */
let instead: ((review: object) => unknown) | undefined;

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
  instead = undefined;
  calls = 0;
  webhook = await WebhookServer.listen((body, response) => {
    calls++;
    const { request, apiVersion, kind } = body as Review;
    const convertedObjects = request.objects.map((object) => convert(object, request.desiredAPIVersion));
    const result = { status: "Success" };
    const review = { apiVersion, kind, response: { uid: request.uid, result, convertedObjects } };
    response.end(JSON.stringify(instead === undefined ? review : instead(review)));
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

// The expectations are what kube-apiserver 1.36.1 says of the same answers.
describe("a webhook that converts", () => {
  const prefix = "conversion webhook for example.com/v1, Kind=Host ";
  const refusal = async (): Promise<string> => {
    await api.post(first, host("one"));
    const { code, reason, message = "" } = await failure(api.get(`${second}/one`));
    expect([code, reason]).toEqual([500, undefined]);
    // A list says the same, although it is converted as one.
    const listed = (await failure(api.list(second))).message ?? "";
    const [read, all] = [message, listed].map((text) => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "UID"));
    expect(all).toBe(read);
    return read ?? "";
  };
  const within = (review: object, fields: object): object => ({
    ...review,
    response: { ...(review as { response: object }).response, ...fields },
  });

  it.each<[string, (review: object) => unknown, string]>([
    [
      "no review",
      () => null,
      "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got /, Kind=",
    ],
    [
      "no kind",
      (review) => ({ ...review, kind: undefined }),
      "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got apiextensions.k8s.io/v1, Kind=",
    ],
    [
      "another kind",
      (review) => ({ ...review, kind: "Pod" }),
      'no kind "Pod" is registered for version "apiextensions.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"',
    ],
    [
      "another version",
      (review) => ({ ...review, apiVersion: "apiextensions.k8s.io/v1beta1" }),
      "converting (v1beta1.ConversionReview) to (v1.ConversionReview): unknown conversion",
    ],
    ["no response", (review) => ({ ...review, response: undefined }), "no response provided"],
    [
      "a text",
      (review) => ({ ...review, response: "x" }),
      "json: cannot unmarshal string into Go struct field ConversionReview.response of type v1.ConversionResponse",
    ],
    [
      "somebody else",
      (review) => within(review, { uid: "other" }),
      'expected response.uid="UID", got "other"',
    ],
    [
      "a number",
      (review) => within(review, { uid: 5 }),
      "json: cannot unmarshal number into Go struct field ConversionResponse.response.uid of type types.UID",
    ],
    [
      "no result",
      (review) => within(review, { result: undefined }),
      "response.result.status was '', not 'Success'",
    ],
    [
      "a failure",
      (review) => within(review, { result: { status: "Failure" } }),
      "response.result.status was 'Failure', not 'Success'",
    ],
    ["a reason", (review) => within(review, { result: { status: "Failure", message: "cannot" } }), "cannot"],
    [
      "a word",
      (review) => within(review, { result: "Success" }),
      "json: cannot unmarshal string into Go struct field ConversionResponse.response.result of type v1.Status",
    ],
    [
      "no list",
      (review) => within(review, { convertedObjects: "x" }),
      "json: cannot unmarshal string into Go struct field ConversionResponse.response.convertedObjects of type []runtime.RawExtension",
    ],
  ])("and answers with %s fails", async (_, answer, why) => {
    instead = answer;
    expect(await refusal()).toBe(`${prefix}failed: ${why}`);
  });

  it.each<[string, unknown[], string]>([
    ["none", [], "returned 0 objects, expected 1"],
    ["more than was sent", [{}, {}], "returned 2 objects, expected 1"],
  ])("and answers with %s fails", async (_, convertedObjects, why) => {
    instead = (review) => within(review, { convertedObjects });
    expect(await refusal()).toBe(prefix + why);
  });

  const kept = (object: object, metadata: object): object => ({
    ...object,
    apiVersion: "example.com/v2",
    metadata: { ...(object as UnstructuredObject).metadata, ...metadata },
  });
  it.each<[string, (object: UnstructuredObject) => unknown, string]>([
    ["null", () => null, "unexpected end of JSON input"],
    ["a list", () => [], "json: cannot unmarshal array into Go value of type map[string]interface {}"],
    ["a text", () => "x", "json: cannot unmarshal string into Go value of type map[string]interface {}"],
    ["an empty object", () => ({}), "Object 'Kind' is missing in '{}'"],
    [
      "another kind",
      (object) => ({ ...kept(object, {}), kind: "Other" }),
      `${prefix}returned invalid object at index 0: invalid kind (expected Host, received Other)`,
    ],
    [
      "what was sent",
      (object) => object,
      `${prefix}returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)`,
    ],
    [
      "no version",
      ({ kind, metadata }) => ({ kind, metadata }),
      `${prefix}returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received )`,
    ],
    [
      "another name",
      (object) => kept(object, { name: "other" }),
      `${prefix}returned invalid object: must have the same name: one != other`,
    ],
    [
      "a namespace",
      (object) => kept(object, { namespace: "other" }),
      `${prefix}returned invalid object: must have the same namespace:  != other`,
    ],
    [
      "another uid",
      (object) => kept(object, { uid: "other" }),
      `${prefix}returned invalid object: must have the same UID: UID != other`,
    ],
    [
      "no metadata",
      (object) => ({ ...object, apiVersion: "example.com/v2", metadata: undefined }),
      `${prefix}returned invalid object: must have the same name: one != `,
    ],
    [
      "labels that are none",
      (object) => kept(object, { labels: "x" }),
      `${prefix}returned invalid metadata: invalid metadata.labels of type string in converted object`,
    ],
    [
      "a label that is a number",
      (object) => kept(object, { labels: { a: 1 } }),
      `${prefix}returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object`,
    ],
    [
      "a list of annotations",
      (object) => kept(object, { annotations: [] }),
      `${prefix}returned invalid metadata: invalid metadata.annotations of type []interface {} in converted object`,
    ],
    [
      "an annotation that is true",
      (object) => kept(object, { annotations: { a: true } }),
      `${prefix}returned invalid metadata: metadata.annotations[a] must be a string, but is bool in converted object`,
    ],
  ])("to %s fails", async (_, changed, why) => {
    convert = (object) => changed(object) as object;
    expect(await refusal()).toBe(why);
  });

  it("may change labels and annotations, and nothing else of the metadata", async () => {
    await api.post(first, host("one"));
    convert = (object, to) => ({
      ...moved(object, to),
      metadata: {
        ...object.metadata,
        generation: 77,
        finalizers: ["a.b/c"],
        labels: { ok: "yes" },
        annotations: null,
      },
    });
    const { metadata } = await api.get(`${second}/one`);
    expect(metadata).toMatchObject({ generation: 1, labels: { ok: "yes" } });
    expect(metadata).not.toHaveProperty("finalizers");
  });

  it("is measured", async () => {
    await api.post(first, host("one"));
    await api.get(`${second}/one`);
    await api.post(first, host("two"));
    instead = () => null;
    await failure(api.list(second));
    instead = (review) => within(review, { convertedObjects: [] });
    await failure(api.list(second));
    convert = () => ({});
    instead = undefined;
    await failure(api.list(second));
    const lines = started.server.metrics.text().split("\n");
    expect(lines.filter((line) => line.startsWith("apiserver_conversion_webhook_request_total"))).toEqual([
      'apiserver_conversion_webhook_request_total{failure_type="",result="success"} 1',
      'apiserver_conversion_webhook_request_total{failure_type="conversion_webhook_malformed_response_failure",result="failure"} 1',
      'apiserver_conversion_webhook_request_total{failure_type="conversion_webhook_partial_response_failure",result="failure"} 1',
      'apiserver_conversion_webhook_request_total{failure_type="conversion_webhook_invalid_converted_object_failure",result="failure"} 1',
    ]);
    expect(lines).toContain(
      'apiserver_crd_conversion_webhook_duration_seconds_count{crd_name="hosts.example.com",from_version="v1",succeeded="false",to_version="v2"} 3',
    );
  });
});

describe("a definition whose webhook cannot be trusted for what the definition says", () => {
  const crates = (caBundle: string): object => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "crates.example.com" },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural: "crates", kind: "Crate" },
      versions: [{ name: "v1", served: true, storage: true, schema: texts("x") }],
      conversion: {
        strategy: "Webhook",
        webhook: {
          clientConfig: { url: "https://127.0.0.1:1/", caBundle },
          conversionReviewVersions: ["v1"],
        },
      },
    },
  });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const path = `${definitionsPath}/crates.example.com`;
  const isEstablished = async (): Promise<unknown> => {
    const { conditions = [] } = (await api.get(path))["status"] as { conditions?: { type: string }[] };
    return conditions.find(({ type }) => type === "Established");
  };
  const invalid = {
    status: "False",
    reason: "InvalidCABundle",
    message: "The conversion webhook CABundle is invalid",
  };

  it("is not established, and serves nothing until that is mended", async () => {
    await api.post(definitionsPath, crates(base64("nonsense")));
    await vi.waitFor(async () => expect(await isEstablished()).toMatchObject(invalid));
    const crate = "/apis/example.com/v1/crates";
    for (const call of [() => api.list(crate), () => api.post(crate, {})])
      expect(await failure(call())).toMatchObject({
        code: 500,
        reason: "InternalError",
        message: "Internal error occurred: error resolving resource",
      });
    const live = await api.get(path);
    const { spec } = crates(webhook.caBundle) as { spec: object };
    await api.put(path, { ...live, spec });
    await established(api, "crates.example.com");
    expect((await api.list("/apis/example.com/v1/crates")).items).toEqual([]);
  });

  it("serves all the same where nothing is said but space", async () => {
    await api.post(definitionsPath, crates(base64(" \n")));
    await vi.waitFor(async () => expect(await isEstablished()).toMatchObject(invalid));
    expect((await api.list("/apis/example.com/v1/crates")).items).toEqual([]);
  });
});
