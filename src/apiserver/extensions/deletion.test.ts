import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { objectKey } from "../cache/storage-key.ts";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { cronTabs, definitionsPath, established, gone } from "./testing/definitions.ts";

let started: TestServer;
let api: TestApi;
const name = "crontabs.stable.example.com";
const objects = "/apis/stable.example.com/v1/namespaces/default/crontabs";

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
  await api.post("/api/v1/namespaces", { metadata: { name: "default" } });
  await api.post(definitionsPath, cronTabs());
  await established(api, name);
});

afterEach(() => started.server.close());

describe("a definition that is deleted", () => {
  it("goes when it has no objects", async () => {
    const marked = await api.delete(`${definitionsPath}/${name}`);
    expect(marked).toMatchObject({
      metadata: { finalizers: ["customresourcecleanup.apiextensions.k8s.io"] },
    });
    await gone(api, name);
    expect((await failure(api.list(objects))).code).toBe(404);
  });

  it("takes its objects with it", async () => {
    await api.post(objects, {
      apiVersion: "stable.example.com/v1",
      kind: "CronTab",
      metadata: { name: "one" },
      spec: { cronSpec: "*" },
    });
    await api.delete(`${definitionsPath}/${name}`);
    await gone(api, name);
    await api.post(definitionsPath, cronTabs());
    await established(api, name);
    expect((await api.list(objects)).items).toEqual([]);
  });
});

describe("a definition whose objects are held by finalizers", () => {
  it("waits for them and lets no more be created", async () => {
    const object = (called: string, finalizers: readonly string[]): object => ({
      apiVersion: "stable.example.com/v1",
      kind: "CronTab",
      metadata: { name: called, finalizers },
      spec: { cronSpec: "*" },
    });
    await api.post(objects, object("held", ["example.com/hold"]));
    await api.delete(`${definitionsPath}/${name}`);
    const refused = await failure(api.post(objects, object("late", [])));
    expect(refused).toMatchObject({ code: 403, reason: "Forbidden" });
    expect(refused.message).toContain("create not allowed while custom resource definition is terminating");
    const held = await api.get(`${objects}/held`);
    await api.put(`${objects}/held`, { ...held, metadata: { ...held.metadata, finalizers: [] } });
    await started.clock.advance(10_000);
    await gone(api, name);
  });
});

describe("a definition whose webhook cannot convert", () => {
  const versions = (storage: string): object[] =>
    ["v1", "v2"].map((each) => ({
      name: each,
      served: true,
      storage: each === storage,
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    }));
  const hosts = (storage: string): object => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "hosts.example.com" },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural: "hosts", kind: "Host" },
      versions: versions(storage),
      conversion: {
        strategy: "Webhook",
        webhook: { clientConfig: { url: "https://127.0.0.1:1/" }, conversionReviewVersions: ["v1"] },
      },
    },
  });
  const host = { apiVersion: "example.com/v1", kind: "Host", metadata: { name: "one" } };

  beforeEach(async () => {
    await api.post(definitionsPath, hosts("v1"));
    await established(api, "hosts.example.com");
    await api.post("/apis/example.com/v1/hosts", host);
  });

  it("goes with its objects, which nobody needs to convert for that", async () => {
    await api.delete(`${definitionsPath}/hosts.example.com`);
    await gone(api, "hosts.example.com");
    expect((await failure(api.list("/apis/example.com/v1/hosts"))).code).toBe(404);
  });

  it("says why it stays where they must be, and others come and go meanwhile", async () => {
    const live = await api.get(`${definitionsPath}/hosts.example.com`);
    await api.put(`${definitionsPath}/hosts.example.com`, {
      ...live,
      spec: { ...(live["spec"] as object), versions: versions("v2") },
    });
    await api.delete(`${definitionsPath}/hosts.example.com`);
    const conditions = async (): Promise<unknown> =>
      ((await api.get(`${definitionsPath}/hosts.example.com`))["status"] as { conditions: unknown })
        .conditions;
    await vi.waitFor(
      async () =>
        expect(await conditions()).toContainEqual(
          expect.objectContaining({
            type: "Terminating",
            status: "True",
            reason: "InstanceDeletionFailed",
            message: expect.stringMatching(
              /^could not issue all deletes: conversion webhook for example\.com\/v1, Kind=Host failed: Post .* connection refused$/,
            ),
          }),
        ),
      { timeout: 60_000 },
    );
    await api.delete(`${definitionsPath}/${name}`);
    await gone(api, name);
  });

  it("keeps its generation, however often and in whatever way it is deleted", async () => {
    const path = `${definitionsPath}/hosts.example.com`;
    await api.patch("merge", path, { metadata: { finalizers: ["example.com/wait"] } });
    const generations: unknown[] = [];
    for (const propagationPolicy of ["Background", "Foreground", "Orphan"]) {
      const { metadata } = await api.delete(path, { propagationPolicy });
      generations.push(metadata.generation);
    }
    expect(generations).toEqual([1, 1, 1]);
    await api.patch("merge", path, { metadata: { finalizers: null } });
    await gone(api, "hosts.example.com");
  });
});

describe("a definition whose objects nobody can read", () => {
  it("stays, and says why, until they can be read", async () => {
    const key = objectKey({ group: "stable.example.com", resource: "crontabs" }, "default", "one");
    const put = { type: "put", key, value: new TextEncoder().encode("k8s:enc:aesgcm:v1:lost:x") } as const;
    await started.storage.txn([], [put]);
    await api.delete(`${definitionsPath}/${name}`);
    const why = `could not list instances: Internal error occurred: unable to transform key ${JSON.stringify(key)}`;
    await vi.waitFor(
      async () => {
        const { status } = (await api.get(`${definitionsPath}/${name}`)) as unknown as {
          status: { conditions: { type: string; reason: string; message: string }[] };
        };
        const condition = status.conditions.find(({ type }) => type === "Terminating");
        expect(condition?.reason).toBe("InstanceDeletionFailed");
        expect(condition?.message).toContain(why);
      },
      { timeout: 60_000 },
    );
  });
});
