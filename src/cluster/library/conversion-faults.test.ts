import { describe, expect, it } from "vitest";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";
import type { WebhookError, WebhookFaultRule } from "./faults.ts";

const anything = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };

/** A definition whose second version a webhook makes of the first. Nothing stands behind it. */
const definition = (plural: string) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.example.dev` },
  spec: {
    group: "example.dev",
    scope: "Namespaced",
    names: { plural, kind: plural === "sites" ? "Site" : "Page" },
    versions: [
      { name: "v1", served: true, storage: true, schema: anything },
      { name: "v2", served: true, storage: false, schema: anything },
    ],
    conversion: {
      strategy: "Webhook",
      webhook: {
        clientConfig: { url: "https://hooks.example.com/convert" },
        conversionReviewVersions: ["v1"],
      },
    },
  },
});

async function start(): Promise<EmbeddedCluster> {
  const cluster = await createCluster({
    clock: "virtual",
    seed: 1,
    nodes: 0,
    controllers: "none",
    scheduler: false,
  });
  await cluster.apply([definition("sites"), definition("pages")]);
  await cluster.apply([
    { apiVersion: "example.dev/v1", kind: "Site", metadata: { name: "blog" } },
    { apiVersion: "example.dev/v1", kind: "Page", metadata: { name: "start" } },
  ]);
  return cluster;
}

const inSecondVersion = (cluster: EmbeddedCluster, plural: string): Promise<unknown> =>
  cluster.client
    .resource({
      group: "example.dev",
      version: "v2",
      resource: plural,
      kind: plural === "sites" ? "Site" : "Page",
      namespaced: true,
    })
    .get(plural === "sites" ? "blog" : "start", { namespace: "default" });

const failed = "conversion webhook for example.dev/v1, Kind=Site failed: ";
const post = `${failed}Post "https://hooks.example.com/convert?timeout=30s": `;

describe("faults.addWebhook() of a webhook that converts", { timeout: 60_000 }, () => {
  it.each([
    ["ConnectionRefused", `${post}dial tcp hooks.example.com:443: connect: connection refused`],
    ["NoSuchHost", `${post}dial tcp: lookup hooks.example.com`],
    ["NoResponse", `${failed}no response provided`],
    ["WrongUid", /failed: expected response\.uid="[^"]+", got "a-fault-was-injected"/],
    ["NotJson", failed],
    [503, failed],
  ] satisfies [WebhookError | number, string | RegExp][])(
    "%s is told in the words of Kubernetes",
    async (fails, why) => {
      await using cluster = await start();
      const fault = cluster.faults.addWebhook({ definition: "sites.example.dev", error: fails, times: 1 });
      await expect(inSecondVersion(cluster, "sites")).rejects.toThrow(why);
      expect(fault.hits).toBe(1);
      expect(String(cluster.faults.log)).toContain(
        `the webhook that converts sites.example.dev: ${String(fails)}`,
      );
      // What is stored in the version that is asked for needs no webhook.
      expect((await cluster.get("sites.v1.example.dev", "blog")).metadata.name).toBe("blog");
    },
  );

  it("lets it be too slow, in the cluster's time", async () => {
    await using cluster = await start();
    cluster.faults.addWebhook({ definition: "sites.*", delay: "31s" });
    const refused = inSecondVersion(cluster, "sites").catch((thrown: Error) => thrown.message);
    await cluster.clock.advance("30s");
    expect(await refused).toContain("Client.Timeout exceeded while awaiting headers");
  });

  it("leaves other definitions and webhooks of admission alone", async () => {
    await using cluster = await start();
    const one = cluster.faults.addWebhook({ definition: "pages.example.dev", error: 500 });
    const other = cluster.faults.addWebhook({ webhook: "*", error: 500 });
    const all = cluster.faults.addWebhook({ error: "ConnectionRefused" });
    await expect(inSecondVersion(cluster, "sites")).rejects.toThrow("connection refused");
    expect([one.hits, other.hits, all.hits]).toEqual([0, 0, 1]);
  });

  it("refuses a rule that means both kinds", async () => {
    await using cluster = await start();
    const rule: WebhookFaultRule = { definition: "sites.example.dev", webhook: "x", error: 500 };
    expect(() => cluster.faults.addWebhook(rule)).toThrow("none is both");
  });
});
