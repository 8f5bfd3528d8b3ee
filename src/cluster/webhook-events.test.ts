import { expect, onTestFinished, test } from "vitest";
import { RealClock } from "../apimachinery/clock.ts";
import { StatusError } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { Cluster } from "./cluster.ts";
import type { ServerEvents, ServerWarning } from "./server-events.ts";
import { reportConversion } from "./webhook-events.ts";

const configuration = (rules: object): never =>
  ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "checks" },
    webhooks: [
      {
        name: "web.example.com",
        clientConfig: { url: "https://127.0.0.1:1/" },
        rules: [rules],
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
      },
    ],
  }) as never;

test("a webhook that is down is named in the refusal and in an event about its configuration", async () => {
  const cluster = new Cluster({ clock: new RealClock() });
  onTestFinished(() => cluster.stop());
  await cluster.startApi();
  await cluster.bootstrap();
  const client = cluster.client();
  const everything = { operations: ["CREATE"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*"] };
  await client.resource(resources.validatingwebhookconfigurations).create(configuration(everything));
  const refused = await client
    .resource(resources.configmaps)
    .create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "default" } })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(StatusError);
  const why =
    'failed to call webhook: Post "https://127.0.0.1:1/?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused';
  expect((refused as StatusError).message).toBe(
    `Internal error occurred: failed calling webhook "web.example.com": ${why}`,
  );
  // Events are asked about as well: nobody is to wait, or to fall into a loop.
  await expect
    .poll(async () => {
      const { items } = await client.resource(resources.events).list({ namespace: "default" });
      return items.map(({ reason, involvedObject, message }) => [reason, involvedObject.kind, message]);
    })
    .toContainEqual([
      "WebhookFailed",
      "ValidatingWebhookConfiguration",
      `webhook "web.example.com" fails, requests that it is to be asked about are refused: ${why}`,
    ]);
  const { items } = await client.resource(resources.events).list({ namespace: "default" });
  expect(items.find(({ reason }) => reason === "WebhookFailed")).toHaveProperty("eventTime", null);
});

test("a definition whose webhook does not convert is named in an event, and in another when it converts again", () => {
  const warnings: ServerWarning[] = [];
  const events = { warn: (warning: ServerWarning) => void warnings.push(warning) } as unknown as ServerEvents;
  reportConversion(events, "ferries.example.com", "conversion webhook for … failed: connection refused");
  reportConversion(events, "ferries.example.com", undefined);
  expect(warnings).toMatchObject([
    {
      kind: { kind: "CustomResourceDefinition" },
      name: "ferries.example.com",
      reason: "WebhookFailed",
      message:
        "the webhook that converts its objects fails, they cannot be read or written in other versions: conversion webhook for … failed: connection refused",
    },
    { kind: { kind: "CustomResourceDefinition" }, reason: "WebhookAnswers", type: "Normal" },
  ]);
});
