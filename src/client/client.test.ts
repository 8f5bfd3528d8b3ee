import { expect, it } from "vitest";
import type { Deployment } from "../api/types/apps-v1.ts";
import type { Transport, TransportRequest } from "../apimachinery/transport.ts";
import { type Client, newClient, type ResourceClient } from "./client.ts";
import { resources } from "./resources.ts";

function setUp(body: unknown = {}) {
  const sent: TransportRequest[] = [];
  const refuse = () => {
    throw new Error("not used");
  };
  const transport: Transport = {
    request: async (request) => {
      sent.push(request);
      return { status: 200, body, warnings: [] };
    },
    watch: (request) => {
      sent.push({ ...request, method: "GET" });
      return (async function* () {})();
    },
    stream: refuse,
    connect: refuse,
  };
  return { client: newClient(transport), sent };
}

const deployment: Deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "shop" },
  spec: { selector: {}, template: {} },
};
const path = "/apis/apps/v1/namespaces/shop/deployments";

type Call = (deployments: ResourceClient<Deployment>) => unknown;

it.each<[string, Call, Partial<TransportRequest>]>([
  ["get", (d) => d.get("web", { namespace: "shop" }), { method: "GET", path: `${path}/web` }],
  [
    "list over all namespaces",
    (d) => d.list({ labelSelector: "a=b", limit: 5 }),
    { method: "GET", path: "/apis/apps/v1/deployments" },
  ],
  ["create", (d) => d.create(deployment), { method: "POST", path, body: deployment }],
  ["update", (d) => d.update(deployment), { method: "PUT", path: `${path}/web` }],
  ["updateStatus", (d) => d.updateStatus(deployment), { method: "PUT", path: `${path}/web/status` }],
  [
    "patch",
    (d) => d.patch("web", {}, { namespace: "shop", type: "apply", force: true, fieldManager: "me" }),
    { method: "PATCH", path: `${path}/web`, contentType: "application/apply-patch+yaml" },
  ],
  [
    "delete",
    (d) => d.delete("web", { namespace: "shop", gracePeriodSeconds: 0 }),
    {
      method: "DELETE",
      path: `${path}/web`,
      body: { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 },
    },
  ],
  [
    "deleteCollection",
    (d) => d.deleteCollection({ namespace: "shop", labelSelector: "a=b" }),
    { method: "DELETE", path },
  ],
  [
    "a subresource",
    (d) => d.getSubresource("web", "scale", { namespace: "shop" }),
    { method: "GET", path: `${path}/web/scale` },
  ],
])("%s sends what the API expects", async (_, call, expected) => {
  const { client, sent } = setUp({ items: [] });
  await call(client.resource(resources.deployments));
  expect(sent[0]).toMatchObject(expected);
});

it("queries carry selectors, paging, dry run and force", async () => {
  const { client, sent } = setUp({ items: [] });
  const deployments = client.resource(resources.deployments);
  await deployments.list({ labelSelector: "a=b", fieldSelector: "c=d", limit: 5, continue: "x" });
  await deployments.patch("web", {}, { type: "merge", dryRun: true, force: true, fieldManager: "me" });
  deployments.watch({ resourceVersion: "7", allowWatchBookmarks: true, timeoutSeconds: 9 });
  expect(sent.map(({ query }) => JSON.parse(JSON.stringify(query)))).toEqual([
    { labelSelector: "a=b", fieldSelector: "c=d", limit: "5", continue: "x" },
    { fieldManager: "me", dryRun: "All", force: "true" },
    { resourceVersion: "7", allowWatchBookmarks: "true", timeoutSeconds: "9" },
  ]);
});

it("a list is whole, also of a server that answers in pages, and a page that was asked for is one", async () => {
  const pages = [
    { metadata: { resourceVersion: "7", continue: "next" }, items: [{ metadata: { name: "a" } }] },
    { metadata: { resourceVersion: "7" }, items: [{ metadata: { name: "b" } }] },
  ];
  const sent: TransportRequest[] = [];
  const { client } = setUp({});
  const transport: Transport = {
    ...client.transport,
    request: async (request) => {
      sent.push(request);
      return { status: 200, body: pages[(sent.length - 1) % 2], warnings: [] };
    },
  };
  const deployments = newClient(transport).resource(resources.deployments);
  const list = await deployments.list({ resourceVersion: "0", labelSelector: "a=b" });
  expect(list.items.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
  expect(list.metadata).toEqual({ resourceVersion: "7" });
  expect(sent.map(({ query }) => query?.["continue"])).toEqual([undefined, "next"]);
  // What goes on from a page before says nothing of the revision, but of what is wanted.
  expect(sent[1]?.query).toMatchObject({ labelSelector: "a=b" });
  expect(sent[1]?.query?.["resourceVersion"]).toBeUndefined();
  expect((await deployments.list({ limit: 1 })).items).toHaveLength(1);
  expect(sent).toHaveLength(3);
});

it("items of a list carry apiVersion and kind, and a null list is empty", async () => {
  const list = (client: Client) => client.resource(resources.deployments).list();
  const { client } = setUp({ metadata: {}, items: [{ metadata: { name: "a" } }] });
  expect((await list(client)).items[0]).toMatchObject({ apiVersion: "apps/v1", kind: "Deployment" });
  expect((await list(setUp({ metadata: {}, items: null }).client)).items).toEqual([]);
});

it("names that would leave the path are refused", async () => {
  const { client } = setUp();
  const pods = client.resource(resources.pods);
  await expect(pods.get("..", { namespace: "a" })).rejects.toThrow(TypeError);
  await expect(pods.get("", { namespace: "a" })).rejects.toThrow(TypeError);
});

it("names are escaped", async () => {
  const { client, sent } = setUp();
  await client.resource(resources.clusterroles).get("system:a/b");
  expect(sent[0]?.path).toBe("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%2Fb");
});
