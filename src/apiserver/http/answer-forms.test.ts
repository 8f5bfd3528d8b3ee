import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpsFixture, serveForTest } from "../testing/https.ts";

const form = (as: string): string => `application/json;as=${as};g=meta.k8s.io;v=v1`;
const deployment = "/apis/apps/v1/namespaces/default/deployments/web";
const configMaps = "/api/v1/namespaces/default/configmaps";
let https: HttpsFixture;

// The forms of answers that are no stored objects, as kube-apiserver 1.36.1 gives them.
beforeAll(async () => {
  const served = await serveForTest();
  ({ https } = served);
  const { api } = served;
  await api.post("/api/v1/namespaces", { metadata: { name: "default" } });
  const labels = { app: "web" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "x" }] } };
  await api.post("/apis/apps/v1/namespaces/default/deployments", {
    metadata: { name: "web" },
    spec: { selector: { matchLabels: labels }, template },
  });
});

afterAll(() => https.close());

async function ask(
  path: string,
  as: string,
  method = "GET",
  body?: string,
): Promise<Record<string, unknown>> {
  const headers = { accept: form(as), "content-type": "application/json" };
  const answer = await https.request(path, { method, headers, ...(body === undefined ? {} : { body }) });
  return answer.json();
}

describe("a deletion that is complete", () => {
  test.each(["Table", "PartialObjectMetadata", "PartialObjectMetadataList"])(
    "is answered with a Status, also to who asks for a %s",
    async (as) => {
      const object = JSON.stringify({ metadata: { name: "a" } });
      expect(await ask(configMaps, "PartialObjectMetadata", "POST", object)).toMatchObject({
        kind: "PartialObjectMetadata",
      });
      expect(await ask(`${configMaps}/a`, as, "DELETE")).toMatchObject({ kind: "Status", status: "Success" });
    },
  );
});

describe("a scale", () => {
  test("is shown as metadata, when it is read and when it is put", async () => {
    const expected = { kind: "PartialObjectMetadata", metadata: { name: "web", namespace: "default" } };
    expect(await ask(`${deployment}/scale`, "PartialObjectMetadata")).toMatchObject(expected);
    const body = JSON.stringify({ metadata: { name: "web" }, spec: { replicas: 2 } });
    expect(await ask(`${deployment}/scale`, "PartialObjectMetadata", "PUT", body)).toMatchObject(expected);
  });

  test("is no list", async () => {
    expect(await ask(`${deployment}/scale`, "PartialObjectMetadataList")).toMatchObject({
      code: 406,
      message:
        "you requested PartialObjectMetadataList, but the requested object is not a list (*autoscaling.Scale)",
    });
  });
});

describe("a table", () => {
  test.each([
    ["/api/v1/namespaces/default/pods/nobody/ephemeralcontainers"],
    ["/api/v1/namespaces/default/pods/nobody/resize"],
    ["/api/v1/namespaces/default/pods/nobody/log"],
    ["/apis/certificates.k8s.io/v1/certificatesigningrequests/nobody/approval"],
    ["/apis/apiextensions.k8s.io/v1/customresourcedefinitions/nobody/status"],
    ["/apis/resource.k8s.io/v1/namespaces/default/resourceclaims/nobody/status"],
  ])("is refused at %s before anything is looked up", async (path) => {
    expect(await ask(path, "Table")).toMatchObject({ code: 406, reason: "NotAcceptable" });
  });

  test.each([
    ["/api/v1/namespaces/default/pods/nobody/status"],
    ["/apis/apps/v1/namespaces/default/deployments/nobody/scale"],
  ])("is there at %s", async (path) => {
    expect(await ask(path, "Table")).toMatchObject({ code: 404 });
  });
});

test.each(["application/octet-stream", "text/plain"])(
  "a log is not asked for as %s alone",
  async (accept) => {
    const path = "/api/v1/namespaces/default/pods/nobody/log";
    const of = async (accepted: string): Promise<number> =>
      (await https.request(path, { headers: { accept: accepted } })).status;
    expect([await of(accept), await of(`${accept},*/*`)]).toEqual([406, 404]);
  },
);
