import { afterEach, beforeEach, expect, it } from "vitest";
import type { APIService } from "../../api/types/apiregistration-v1.ts";
import { cronTabs, definitionsPath, established } from "../extensions/testing/definitions.ts";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { apiServicesPath } from "./testing/objects.ts";

let started: TestServer;
let api: TestApi;

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
});

afterEach(() => started.server.close());

const named = async (name: string): Promise<APIService> =>
  (await api.get(`${apiServicesPath}/${name}`)) as unknown as APIService;
const names = async (): Promise<string[]> =>
  (await api.list(apiServicesPath)).items.map(({ metadata }) => metadata.name ?? "");

it("nothing is written before somebody asks, and controllers that keep a cache do not", async () => {
  const before = await started.storage.revision();
  expect((await api.list(apiServicesPath)).items).toEqual([]);
  expect(await started.storage.revision()).toBe(before);
});

it("who asks for those that people made makes none", async () => {
  const selector = { labelSelector: "!kube-aggregator.kubernetes.io/automanaged" };
  expect((await api.list(apiServicesPath, selector)).items).toEqual([]);
  expect(await started.storage.revision()).toBe(0);
});

it("each version of this server has one, with Kubernetes' priorities, and is available", async () => {
  expect(await named("v1.apps")).toMatchObject({
    metadata: { labels: { "kube-aggregator.kubernetes.io/automanaged": "onstart" } },
    spec: { group: "apps", version: "v1", groupPriorityMinimum: 17_800, versionPriority: 15 },
    status: {
      conditions: [
        {
          type: "Available",
          status: "True",
          reason: "Local",
          message: "Local APIServices are always available",
        },
      ],
    },
  });
  const core = await named("v1.");
  expect(core.spec).toEqual({ groupPriorityMinimum: 18_000, version: "v1", versionPriority: 1 });
  expect(await names()).toEqual(
    [
      "v1.",
      "v1.admissionregistration.k8s.io",
      "v1.apiextensions.k8s.io",
      "v1.apps",
      "v1.authentication.k8s.io",
      "v1.authorization.k8s.io",
      "v1.autoscaling",
      "v1.batch",
      "v1.certificates.k8s.io",
      "v1.coordination.k8s.io",
      "v1.discovery.k8s.io",
      "v1.events.k8s.io",
      "v1.flowcontrol.apiserver.k8s.io",
      "v1.networking.k8s.io",
      "v1.node.k8s.io",
      "v1.policy",
      "v1.rbac.authorization.k8s.io",
      "v1.resource.k8s.io",
      "v1.scheduling.k8s.io",
      "v1.storage.k8s.io",
      "v2.autoscaling",
    ].toSorted(),
  );
});

it("versions of custom resources have one while they are served", async () => {
  await named("v1.apps");
  await api.post(definitionsPath, cronTabs());
  await established(api, "crontabs.stable.example.com");
  await expect.poll(names).toContain("v1.stable.example.com");
  expect(await named("v1.stable.example.com")).toMatchObject({
    metadata: { labels: { "kube-aggregator.kubernetes.io/automanaged": "true" } },
    spec: { groupPriorityMinimum: 1000, versionPriority: 100 },
  });
  await api.delete(`${definitionsPath}/crontabs.stable.example.com`);
  await expect.poll(names).not.toContain("v1.stable.example.com");
});

it("one of a custom resource is put back as it was; one of a built-in version is the owner's to change", async () => {
  await api.post(definitionsPath, cronTabs());
  await established(api, "crontabs.stable.example.com");
  const change = { spec: { versionPriority: 7 } };
  await named("v1.apps");
  await api.patch("merge", `${apiServicesPath}/v1.stable.example.com`, change);
  await expect.poll(async () => (await named("v1.stable.example.com")).spec.versionPriority).toBe(100);
  await api.patch("merge", `${apiServicesPath}/v1.apps`, change);
  await api.delete(`${apiServicesPath}/v1.batch`);
  await api.delete(`${apiServicesPath}/v1.stable.example.com`);
  await expect.poll(names).toContain("v1.stable.example.com");
  expect((await named("v1.apps")).spec.versionPriority).toBe(7);
  expect(await names()).not.toContain("v1.batch");
});

it("after a new start the built-in ones are as they should be, and what is served no more is gone", async () => {
  await named("v1.apps");
  await api.patch("merge", `${apiServicesPath}/v1.apps`, { spec: { versionPriority: 7 } });
  const gone = {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1.gone", labels: { "kube-aggregator.kubernetes.io/automanaged": "onstart" } },
    spec: { group: "gone", version: "v1", groupPriorityMinimum: 1, versionPriority: 1 },
  };
  await api.post(apiServicesPath, gone);
  const own = { ...gone, metadata: { name: "v1.own" }, spec: { ...gone.spec, group: "own" } };
  await api.post(apiServicesPath, own);
  await started.server.close();
  started = await startTestServer({ storage: started.storage });
  api = new TestApi(started.transport);
  expect((await named("v1.apps")).spec.versionPriority).toBe(15);
  expect(await failure(named("v1.gone"))).toMatchObject({ reason: "NotFound" });
  expect((await named("v1.own")).metadata.labels).toBeUndefined();
});

it("is printed as Kubernetes prints it", async () => {
  await named("v1.apps");
  const { body } = await started.transport.request({
    method: "GET",
    path: `${apiServicesPath}/v1.apps`,
    accept: "application/json;as=Table;g=meta.k8s.io;v=v1",
  });
  expect(body).toMatchObject({
    columnDefinitions: [{ name: "Name" }, { name: "Service" }, { name: "Available" }, { name: "Age" }],
    rows: [{ cells: ["v1.apps", "Local", "True", "0s"] }],
  });
});
