import { describe, expect, test } from "vitest";
import type { FlowSchema, PriorityLevelConfiguration } from "../../api/types/flowcontrol-v1.ts";
import { settle, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const base = "/apis/flowcontrol.apiserver.k8s.io/v1";
const schemas = `${base}/flowschemas`;
const levels = `${base}/prioritylevelconfigurations`;
const annotation = "apf.kubernetes.io/autoupdate-spec";

async function start(): Promise<TestServer & { api: TestApi }> {
  const server = await startTestServer();
  return { ...server, api: new TestApi(server.transport) };
}

const schemaOf = (object: unknown): FlowSchema => object as FlowSchema;
const levelOf = (object: unknown): PriorityLevelConfiguration => object as PriorityLevelConfiguration;

describe("the objects that every cluster has", () => {
  test("are made, marked as the server's own, and found to be whole", async () => {
    const { server, api } = await start();
    await server.maintainFlowControl();
    const found = (await api.list(schemas)).items.map(schemaOf);
    expect(found.map(({ metadata }) => metadata.name)).toEqual([
      "catch-all",
      "endpoint-controller",
      "exempt",
      "global-default",
      "kube-controller-manager",
      "kube-scheduler",
      "kube-system-service-accounts",
      "probes",
      "service-accounts",
      "system-leader-election",
      "system-node-high",
      "system-nodes",
      "workload-leader-election",
    ]);
    for (const { metadata, spec, status } of found) {
      const level = spec.priorityLevelConfiguration.name;
      expect(metadata.annotations).toEqual({ [annotation]: "true" });
      expect(metadata.generation).toBe(1);
      expect(status?.conditions).toEqual([
        {
          type: "Dangling",
          status: "False",
          reason: "Found",
          message: `This FlowSchema references the PriorityLevelConfiguration object named "${level}" and it exists`,
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ]);
    }
    const { items } = await api.list(levels);
    expect(items).toHaveLength(8);
    // Nobody has looked at them, and Kubernetes shows even so that they have a status.
    for (const level of items) expect(level).toHaveProperty("status", {});
    await server.close();
  });

  test("are written once", async () => {
    const { server, api, clock } = await start();
    await server.maintainFlowControl();
    const before = await api.list(schemas);
    await clock.advance(180_000);
    expect((await api.list(schemas)).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    await server.close();
  });

  test("come back when they are deleted", async () => {
    const { server, api, clock } = await start();
    await server.maintainFlowControl();
    await api.delete(`${schemas}/exempt`);
    await api.delete(`${levels}/workload-low`);
    await clock.advance(61_000);
    expect(schemaOf(await api.get(`${schemas}/exempt`)).spec.matchingPrecedence).toBe(1);
    expect(levelOf(await api.get(`${levels}/workload-low`)).spec.limited?.lendablePercent).toBe(90);
    await server.close();
  });
});

describe("an edited object", () => {
  const edited = async (annotations: Record<string, string | null>) => {
    const { server, api, clock } = await start();
    await server.maintainFlowControl();
    const patch = { metadata: { annotations }, spec: { limited: { nominalConcurrencyShares: 7 } } };
    await api.patch("merge", `${levels}/workload-low`, patch);
    await clock.advance(61_000);
    const level = levelOf(await api.get(`${levels}/workload-low`));
    await server.close();
    return [level.spec.limited?.nominalConcurrencyShares, level.metadata.annotations?.[annotation]];
  };

  test("is set right while it is marked as the server's own", async () => {
    expect(await edited({})).toEqual([100, "true"]);
  });

  test("stays as it is when its editor keeps it", async () => {
    expect(await edited({ [annotation]: "false" })).toEqual([7, "false"]);
  });

  test("stays as it is, and is marked so, when nobody says whose it is", async () => {
    expect(await edited({ [annotation]: null })).toEqual([7, "false"]);
  });

  test("that is mandatory is set right whatever it is marked", async () => {
    const { server, api, clock } = await start();
    await server.maintainFlowControl();
    const patch = {
      metadata: { annotations: { [annotation]: "false" } },
      spec: { matchingPrecedence: 9_999 },
    };
    await api.patch("merge", `${schemas}/catch-all`, patch).catch(() => undefined);
    await clock.advance(61_000);
    expect(schemaOf(await api.get(`${schemas}/catch-all`)).spec.matchingPrecedence).toBe(10_000);
    await server.close();
  });
});

test("a schema says when its level is missing, and when it has come", async () => {
  const { server, api } = await start();
  await server.maintainFlowControl();
  await api.post(schemas, {
    metadata: { name: "mine" },
    spec: {
      priorityLevelConfiguration: { name: "mine" },
      rules: [
        {
          subjects: [{ kind: "User", user: { name: "jane" } }],
          nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
        },
      ],
    },
  });
  await settle();
  const condition = async () => schemaOf(await api.get(`${schemas}/mine`)).status?.conditions?.[0];
  expect(await condition()).toMatchObject({
    status: "True",
    reason: "NotFound",
    message:
      'This FlowSchema references the PriorityLevelConfiguration object named "mine" but there is no such object',
  });
  await api.post(levels, {
    metadata: { name: "mine" },
    spec: { type: "Limited", limited: { limitResponse: { type: "Reject" } } },
  });
  await settle();
  await settle();
  expect(await condition()).toMatchObject({ status: "False", reason: "Found" });
  await server.close();
});

test("what an older server kept up to date and this one does not know is taken away", async () => {
  const { server, api, clock } = await start();
  const spec = { type: "Limited", limited: { limitResponse: { type: "Reject" } } };
  await api.post(levels, { metadata: { name: "old", annotations: { [annotation]: "true" } }, spec });
  await api.post(levels, { metadata: { name: "mine" }, spec });
  await server.maintainFlowControl();
  await clock.advance(1_000);
  const names = (await api.list(levels)).items.map(({ metadata }) => metadata.name);
  expect(names).toContain("mine");
  expect(names).not.toContain("old");
  await server.close();
});
