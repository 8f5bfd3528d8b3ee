import { describe, expect, it } from "vitest";
import type { WebhookClientConfig } from "../api/types/admissionregistration-v1.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { newClient, type ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { FakeTransport } from "../client/testing/fake-transport.ts";
import { pointWebhooks } from "./point-webhooks.ts";

const target = { base: "https://127.0.0.1:9443", caBundle: "Q0E=" };
const service = { namespace: "system", name: "hooks" };

/** What tests look at in configurations of both kinds. */
interface Hooks extends KubernetesObject {
  readonly webhooks?: readonly { readonly clientConfig: WebhookClientConfig }[] | undefined;
}

function definition(conversion: object) {
  return {
    apiVersion: "apiextensions.k8s.io/v1" as const,
    kind: "CustomResourceDefinition" as const,
    metadata: { name: "ferries.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "ferries", kind: "Ferry" },
      versions: [{ name: "v1", served: true, storage: true }],
      conversion: { strategy: "Webhook", ...conversion },
    },
  };
}

describe("pointWebhooks()", () => {
  const kinds: readonly (readonly [string, ResourceReference<Hooks>, string])[] = [
    ["validating", resources.validatingwebhookconfigurations, "ValidatingWebhookConfiguration"],
    ["mutating", resources.mutatingwebhookconfigurations, "MutatingWebhookConfiguration"],
  ];

  it.each(kinds)("keeps paths and all else of a %s configuration", async (_, reference, kind) => {
    const client = newClient(new FakeTransport());
    const webhook = (name: string, clientConfig: WebhookClientConfig) => ({
      name,
      clientConfig,
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      timeoutSeconds: 3,
    });
    await client.resource(reference).create({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind,
      metadata: { name: "hooks" },
      webhooks: [
        webhook("a.example.com", { service: { ...service, path: "/a" } }),
        webhook("b.example.com", { service }),
        webhook("c.example.com", { url: "https://elsewhere:1/c", caBundle: "b2xk" }),
      ],
    });
    expect(await pointWebhooks(client, "hooks", target)).toEqual([
      "https://127.0.0.1:9443/a",
      "https://127.0.0.1:9443/",
      "https://127.0.0.1:9443/c",
    ]);
    const { webhooks } = await client.resource(reference).get("hooks");
    expect(webhooks?.[1]).toEqual(
      webhook("b.example.com", { url: "https://127.0.0.1:9443/", caBundle: "Q0E=" }),
    );
    expect(webhooks?.[2]?.clientConfig).toEqual({ url: "https://127.0.0.1:9443/c", caBundle: "Q0E=" });
  });

  it("keeps the path and the review versions of a definition's conversion", async () => {
    const client = newClient(new FakeTransport());
    const definitions = client.resource(resources.customresourcedefinitions);
    const webhook = {
      clientConfig: { service: { ...service, path: "/convert" } },
      conversionReviewVersions: ["v1"],
    };
    await definitions.create(definition({ webhook }));
    expect(await pointWebhooks(client, "ferries.example.com", target)).toEqual([
      "https://127.0.0.1:9443/convert",
    ]);
    const { spec } = await definitions.get("ferries.example.com");
    expect(spec.conversion).toEqual({
      strategy: "Webhook",
      webhook: {
        clientConfig: { url: "https://127.0.0.1:9443/convert", caBundle: "Q0E=" },
        conversionReviewVersions: ["v1"],
      },
    });
    expect(spec.names.plural).toBe("ferries");
  });

  it("changes what kubectl has noted as applied, so that applying again puts the Service back", async () => {
    const client = newClient(new FakeTransport());
    const definitions = client.resource(resources.customresourcedefinitions);
    const given = definition({ webhook: { clientConfig: { service }, conversionReviewVersions: ["v1"] } });
    const key = "kubectl.kubernetes.io/last-applied-configuration";
    const annotations = { other: "kept", [key]: JSON.stringify(given) };
    await definitions.create({ ...given, metadata: { ...given.metadata, annotations } });
    await pointWebhooks(client, "ferries.example.com", target);
    const { metadata } = await definitions.get("ferries.example.com");
    expect(metadata.annotations?.["other"]).toBe("kept");
    expect(JSON.parse(metadata.annotations?.[key] ?? "")).toEqual(
      definition({
        webhook: {
          clientConfig: { url: "https://127.0.0.1:9443/", caBundle: "Q0E=" },
          conversionReviewVersions: ["v1"],
        },
      }),
    );
  });

  it("refuses a definition without a webhook, and a name that nothing has", async () => {
    const client = newClient(new FakeTransport());
    await client.resource(resources.customresourcedefinitions).create(definition({ strategy: "None" }));
    await expect(pointWebhooks(client, "ferries.example.com", target)).rejects.toThrow(
      'definition "ferries.example.com" is converted by no webhook',
    );
    await expect(pointWebhooks(client, "ferries", target)).rejects.toThrow(
      'there is no webhook configuration "ferries", and no definition of that name',
    );
  });
});
