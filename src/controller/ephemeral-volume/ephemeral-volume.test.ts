import { afterEach, beforeEach, expect, test } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { ephemeralVolumeController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([ephemeralVolumeController]);
});
afterEach(async () => run.stop());

const claimSpec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } };
const pod: UnstructuredObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default", uid: "uid-web" },
  spec: {
    containers: [{ name: "main", image: "app" }],
    volumes: [
      { name: "cache", emptyDir: {} },
      {
        name: "scratch",
        ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: "b" } }, spec: claimSpec } },
      },
    ],
  },
};

test("a pod's ephemeral volume gets a claim that belongs to the pod", async () => {
  run.transport.seed(pod);
  await run.settle();
  const claims = run.transport.list(resources.persistentvolumeclaims);
  expect(claims).toHaveLength(1);
  expect(claims[0]).toMatchObject({
    metadata: {
      name: "web-scratch",
      namespace: "default",
      labels: { a: "b" },
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "Pod",
          name: "web",
          uid: "uid-web",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: claimSpec,
  });
  run.transport.remove(resources.persistentvolumeclaims, "web-scratch");
  await run.settle();
  expect(run.transport.list(resources.persistentvolumeclaims)).toHaveLength(1);
});

test("another's claim of that name is left alone, and replaced once it is gone", async () => {
  run.transport.seed({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "web-scratch", namespace: "default", uid: "uid-other" },
    spec: claimSpec,
  });
  run.transport.seed(pod);
  await run.settle();
  const uid = (): string | undefined =>
    run.transport.get(resources.persistentvolumeclaims, "web-scratch")?.metadata.uid;
  expect(uid()).toBe("uid-other");
  run.transport.remove(resources.persistentvolumeclaims, "web-scratch");
  await run.settle(120_000);
  expect(uid()).not.toBe("uid-other");
  expect(uid()).toBeDefined();
});
