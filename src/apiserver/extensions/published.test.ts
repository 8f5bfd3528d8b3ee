import { afterEach, beforeEach, expect, it } from "vitest";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { cronTabs, definitionsPath, established, gone } from "./testing/definitions.ts";

let started: TestServer;
let api: TestApi;
const name = "crontabs.stable.example.com";

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
  await api.post(definitionsPath, cronTabs());
  await established(api, name);
});

afterEach(() => started.server.close());

const documented = async (): Promise<unknown> => {
  const document = (await api.get("/openapi/v2")) as unknown as { definitions: Record<string, unknown> };
  return document.definitions["com.example.stable.v1.CronTab"];
};

it("is shown by discovery, status before scale", async () => {
  const { resources } = (await api.get("/apis/stable.example.com/v1")) as unknown as { resources: unknown[] };
  expect(resources).toMatchObject([
    { name: "crontabs", singularName: "crontab", shortNames: ["ct"], kind: "CronTab", namespaced: true },
    { name: "crontabs/status", kind: "CronTab" },
    { name: "crontabs/scale", kind: "Scale", group: "autoscaling" },
  ]);
});

it("is described by OpenAPI as long as it is served", async () => {
  expect(await documented()).toMatchObject({
    type: "object",
    properties: {
      metadata: { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
      spec: { required: ["cronSpec"], properties: { cronSpec: { type: "string" } } },
    },
    "x-kubernetes-group-version-kind": [{ group: "stable.example.com", kind: "CronTab", version: "v1" }],
  });
  await api.delete(`${definitionsPath}/${name}`);
  await gone(api, name);
  expect(await documented()).toBeUndefined();
  expect((await failure(api.get("/apis/stable.example.com/v1"))).code).toBe(404);
});
