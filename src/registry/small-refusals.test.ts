import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { failure, type TestApi } from "../apiserver/testing/api.ts";
import type { TestServer } from "../apiserver/testing/test-server.ts";
import { startRegistryServer } from "./testing/registry-server.ts";

let server: TestServer & { readonly api: TestApi };
let api: TestApi;
beforeEach(async () => {
  server = await startRegistryServer();
  api = server.api;
});
afterEach(async () => server.server.close());

const classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
const priorityClass = (name: string): object => ({
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name },
  value: 5,
});

describe("a priority class", () => {
  it.each(["system-cluster-critical", "system-node-critical"])("of the cluster stays: %s", async (name) => {
    const refusal = await failure(api.delete(`${classes}/${name}`));
    expect(refusal).toMatchObject({
      code: 403,
      message: `priorityclasses.scheduling.k8s.io "${name}" is forbidden: this is a system priority class and cannot be deleted`,
    });
  });

  it("of somebody else goes", async () => {
    await api.post(classes, priorityClass("mine"));
    await api.delete(`${classes}/mine`);
    expect((await failure(api.get(`${classes}/mine`))).code).toBe(404);
  });
});

describe("a name that is taken", () => {
  it("by what is about to go is refused with a word of that", async () => {
    const held = { ...priorityClass("held"), metadata: { name: "held", finalizers: ["example.com/hold"] } };
    await api.post(classes, held);
    const taken = 'priorityclasses.scheduling.k8s.io "held" already exists';
    expect(await failure(api.post(classes, held))).toMatchObject({ code: 409, message: taken });
    await api.delete(`${classes}/held`);
    expect(await failure(api.post(classes, held))).toMatchObject({
      code: 409,
      message: `object is being deleted: ${taken}`,
    });
  });
});

describe("who scales", () => {
  it("is noted without a time, before those who have one", async () => {
    const deployments = "/apis/apps/v1/namespaces/default/deployments";
    const labels = { app: "web" };
    const template = { metadata: { labels }, spec: { containers: [{ name: "main", image: "app" }] } };
    await api.post(deployments, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { replicas: 1, selector: { matchLabels: labels }, template },
    });
    for (const replicas of [2, 3]) {
      await api.patch(
        "merge",
        `${deployments}/web/scale`,
        { spec: { replicas } },
        { fieldManager: "scaler" },
      );
      const { metadata } = await api.get(`${deployments}/web`);
      const [first, second] = metadata.managedFields ?? [];
      expect(first).toEqual({
        manager: "scaler",
        operation: "Update",
        apiVersion: "apps/v1",
        fieldsType: "FieldsV1",
        fieldsV1: { "f:spec": { "f:replicas": {} } },
        subresource: "scale",
      });
      expect(second?.time).toBeDefined();
    }
  });
});
