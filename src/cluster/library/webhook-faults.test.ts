import { describe, expect, it } from "vitest";
import { WebhookServer } from "../../apiserver/webhook/testing/webhook-server.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";
import type { WebhookError, WebhookFaultRule } from "./faults.ts";

const start = (): Promise<EmbeddedCluster> =>
  createCluster({ clock: "virtual", seed: 1, nodes: 0, controllers: "none", scheduler: false });
const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

/** A configuration of webhooks behind which there is nothing. */
const configuration = (
  name: string,
  { url = "https://hooks.example.com/validate", ...settings }: Record<string, unknown> = {},
) => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name },
  webhooks: [
    {
      name: `${name}.example.com`,
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      timeoutSeconds: 5,
      clientConfig: { url },
      rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }],
      ...settings,
    },
  ],
});

const failed = (why: string): string =>
  `Internal error occurred: failed calling webhook "strict.example.com": ${why}`;
const post = 'failed to call webhook: Post "https://hooks.example.com/validate?timeout=5s": ';

describe("faults.addWebhook()", { timeout: 60_000 }, () => {
  it.each([
    ["ConnectionRefused", `${post}dial tcp hooks.example.com:443: connect: connection refused`],
    ["ConnectionReset", `${post}read: connection reset by peer`],
    [
      "UnknownAuthority",
      `${post}tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    ],
    ["NotJson", "failed to call webhook: "],
    ["NoResponse", "received invalid webhook response: webhook response was absent"],
    [
      "WrongUid",
      /received invalid webhook response: expected response\.uid="[^"]+", got "a-fault-was-injected"/,
    ],
    [503, "failed to call webhook: "],
  ] satisfies [WebhookError | number, string | RegExp][])(
    "%s is told in the words of Kubernetes",
    async (fails, why) => {
      await using cluster = await start();
      await cluster.apply(configuration("strict"));
      const fault = cluster.faults.addWebhook({ webhook: "strict.example.com", error: fails });
      const refused = cluster.apply(configMap("a"));
      await expect(refused).rejects.toThrow(why);
      await expect(refused).rejects.toThrow(failed(""));
      expect(fault.hits).toBe(1);
    },
  );

  it("lets a webhook be too slow, in the cluster's time", async () => {
    await using cluster = await start();
    await cluster.apply(configuration("strict"));
    cluster.faults.addWebhook({ configuration: "strict", delay: "6s" });
    const refused = cluster.apply(configMap("a")).catch((thrown: Error) => thrown.message);
    await cluster.clock.advance("5s");
    expect(await refused).toBe(failed(`${post}context deadline exceeded`));
  });

  it("leaves to the failurePolicy what becomes of the request", async () => {
    await using cluster = await start();
    await cluster.apply(configuration("lenient", { failurePolicy: "Ignore" }));
    cluster.faults.addWebhook({ error: "ConnectionRefused" });
    const [made] = await cluster.apply(configMap("a"));
    expect(made?.metadata.name).toBe("a");
  });

  it("hits a webhook that is there, so many times, and leaves others alone", async () => {
    await using cluster = await start();
    const asked: unknown[] = [];
    const hook = await WebhookServer.listen((review, response) => {
      asked.push(review);
      const { uid } = (review as { request: { uid: string } }).request;
      response.end(
        JSON.stringify({
          apiVersion: "admission.k8s.io/v1",
          kind: "AdmissionReview",
          response: { uid, allowed: true },
        }),
      );
    });
    try {
      for (const name of ["one", "two"]) {
        const clientConfig = { url: hook.url(), caBundle: hook.caBundle };
        await cluster.apply(configuration(name, { clientConfig }));
      }
      const fault = cluster.faults.addWebhook({ webhook: "t*", after: 1, times: 2, error: 500 });
      await cluster.apply(configMap("a"));
      expect(asked).toHaveLength(2);
      await expect(cluster.apply(configMap("b"))).rejects.toThrow('calling webhook "two.example.com"');
      await expect(cluster.apply(configMap("b"))).rejects.toThrow('calling webhook "two.example.com"');
      await cluster.apply(configMap("b"));
      expect(fault.hits).toBe(2);
      expect(String(cluster.faults.log)).toContain("webhook two.example.com of two: 500");
    } finally {
      await hook.close();
    }
  });

  it.each([
    [{}, "the fault does nothing"],
    [{ error: "Refused" }, '"Refused" is nothing that happens to a webhook'],
    [{ error: "connectionRefused" }, 'Did you mean "ConnectionRefused"?'],
    [{ error: 200 }, "200 is no code of a refusal"],
    [{ hook: "x", error: 500 }, '"hook" is nothing that a fault of a webhook may say'],
    [{ delay: "soon" }, '"soon" is no duration'],
  ] as [WebhookFaultRule, string][])("refuses %j", async (rule, message) => {
    await using cluster = await start();
    expect(() => cluster.faults.addWebhook(rule)).toThrow(message);
  });
});
