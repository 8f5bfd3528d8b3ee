import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod, Secret } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { legacyTokenCleanerController } from "./legacy-cleaner.ts";

const dayMs = 86_400_000;
let run: ControllerRun;
beforeEach(() => {
  run = runControllers([legacyTokenCleanerController]);
});
afterEach(async () => run.stop());

/** The day so many days before the run began. */
const daysAgo = (days: number): string => new Date(run.clock.now() - days * dayMs).toISOString().slice(0, 10);

const account = (secrets: string[] = ["s"]) => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name: "robot", namespace: "default", uid: "sa-1" },
  secrets: secrets.map((name) => ({ name })),
});
const tracked = (days: number) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" },
  data: { since: daysAgo(days) },
});
const token = (days: number, labels: Record<string, string> = {}): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: "s",
    namespace: "default",
    creationTimestamp: `${daysAgo(days)}T00:00:00Z`,
    labels,
    annotations: {
      "kubernetes.io/service-account.name": "robot",
      "kubernetes.io/service-account.uid": "sa-1",
    },
  },
  type: "kubernetes.io/service-account-token",
});
const pod = (spec: object): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "default" },
  spec: { containers: [{ name: "c", image: "x" }], ...spec },
});
const used = "kubernetes.io/legacy-token-last-used";
const invalid = "kubernetes.io/legacy-token-invalid-since";
const stored = () => run.transport.get(resources.secrets, "s");

describe("a token without an end", () => {
  it("that nobody has used for a year is marked invalid, and deleted after another", async () => {
    run.transport.seed(tracked(400), account(), token(800));
    await run.settle();
    expect(stored()?.metadata.labels?.[invalid]).toBe(daysAgo(0));
    await run.settle(365 * dayMs);
    expect(stored()).toBeDefined();
    await run.settle(2 * dayMs);
    expect(stored()).toBeUndefined();
  });

  it("that was used long ago is marked too", async () => {
    run.transport.seed(tracked(400), account(), token(800, { [used]: daysAgo(366) }));
    await run.settle();
    expect(stored()?.metadata.labels?.[invalid]).toBeDefined();
  });

  it.each<[string, () => object[]]>([
    ["used within the year", () => [tracked(400), account(), token(800, { [used]: daysAgo(300) })]],
    ["made within the year", () => [tracked(400), account(), token(300)]],
    ["not watched for a year yet", () => [tracked(300), account(), token(800)]],
    ["not watched at all", () => [account(), token(800)]],
    ["made by hand", () => [tracked(400), account([]), token(800)]],
    ["of nobody", () => [tracked(400), token(800)]],
    ["labelled with no date", () => [tracked(400), account(), token(800, { [used]: "x" })]],
    [
      "mounted",
      () => [
        tracked(400),
        account(),
        token(800),
        pod({ volumes: [{ name: "v", secret: { secretName: "s" } }] }),
      ],
    ],
    [
      "read by a container",
      () => [
        tracked(400),
        account(),
        token(800),
        pod({ initContainers: [{ name: "i", image: "x", envFrom: [{ secretRef: { name: "s" } }] }] }),
      ],
    ],
    [
      "used by a driver",
      () => [
        tracked(400),
        account(),
        token(800),
        pod({ volumes: [{ name: "v", csi: { driver: "d", nodePublishSecretRef: { name: "s" } } }] }),
      ],
    ],
  ])("stays while it is %s", async (_what, objects) => {
    for (const object of objects()) run.transport.seed(object as Secret);
    await run.settle();
    expect(stored()?.metadata.labels?.[invalid]).toBeUndefined();
    expect(stored()).toBeDefined();
  });
});
