import { describe, expect } from "vitest";
import { sites } from "../src/site.ts";
import { account, blog, manifest, test, untilReady } from "./fixtures.ts";

describe("a Site", () => {
  test("becomes a Deployment, a Service and a name, and says when it is ready", async ({ cluster, dns }) => {
    await cluster.apply(manifest("site"));
    const site = await untilReady(cluster);
    expect(site.status).toMatchObject({ readyReplicas: 2, observedGeneration: 1 });
    expect((await cluster.get("deployment", "blog")).metadata.ownerReferences).toMatchObject([
      { kind: "Site", name: "blog" },
    ]);
    expect((await cluster.get("service", "blog")).spec).toMatchObject({
      selector: { "example.dev/site": "blog" },
    });
    expect(dns.names).toEqual(new Map([["blog.example.com", "blog.default.svc.cluster.local"]]));
  });

  test("follows its spec", async ({ cluster }) => {
    await cluster.apply(manifest("site"));
    await untilReady(cluster);
    await cluster.apply(manifest("site").replace("replicas: 2", "replicas: 3"));
    await cluster.until(async () => (await blog(cluster)).status?.readyReplicas === 3);
    expect(await cluster.list("pods", { namespace: "default" })).toHaveLength(3);
  });

  test("is not ready while a node that runs it is gone", async ({ cluster }) => {
    await cluster.apply(manifest("site"));
    await untilReady(cluster);
    await cluster.nodes.crash("node-1");
    await cluster.until(async () => (await blog(cluster)).status?.readyReplicas === 0, { timeout: "10m" });
    expect((await blog(cluster)).status?.conditions).toMatchObject([{ type: "Ready", status: "False" }]);
  });

  // The cluster refuses what the role does not allow, so the tests above show that it allows enough. And no more:
  test("cannot be deleted by its operator", async ({ cluster }) => {
    await cluster.apply(manifest("site"));
    const client = cluster.clientOf(account);
    await expect(client.resource(sites).delete("blog", { namespace: "default" })).rejects.toMatchObject({
      reason: "Forbidden",
    });
  });
});
