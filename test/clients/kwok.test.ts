import { describe, expect, test } from "vitest";
import type { Job } from "../../src/api/types/batch-v1.ts";
import type { Node, PersistentVolumeClaim, Pod } from "../../src/api/types/core-v1.ts";
import { createCluster } from "../../src/cluster/library/create-cluster.ts";
import { kwokStagesOf, ourStages, read } from "./kwok/evaluate.ts";
import { kwokCases, kwokMissing, kwokObjects, kwokStages, stageFolders } from "./kwok/files.ts";

/** Whole clusters, with what a machine that has other work takes for them. */
const slow = { timeout: 300_000 };

const missing = kwokMissing();
const reason = missing === undefined ? "" : ` (${missing})`;

describe.skipIf(missing !== undefined)(`kwok's own Stages${reason}`, () => {
  const folders = missing === undefined ? stageFolders() : [];
  const cases = missing === undefined ? kwokCases() : [];

  test("lie where they are looked for", () => {
    expect(folders.length).toBeGreaterThan(7);
    expect(cases.length).toBeGreaterThan(12);
  });

  test.each([...folders, "test/e2e"])("of %s are understood", (folder) => {
    for (const stage of kwokStages(folder)) expect(() => read(stage), stage.metadata.name).not.toThrow();
  });

  test.each(cases)("do to $name what kwok says", ({ folder, input, output }) => {
    const ours = ourStages(kwokStages(folder), input);
    expect(ours).toEqual(kwokStagesOf(output, input.metadata.name));
  });

  const definition = () => kwokObjects("kustomize/crd/bases/kwok.x-k8s.io_stages.yaml");
  const fake = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "fake", annotations: { "kwok.x-k8s.io/node": "fake" } },
  };
  const template = { spec: { containers: [{ name: "main", image: "app" }] } };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default" },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, ...template },
    },
  };
  const job = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "once", namespace: "default" },
    spec: { template: { spec: { ...template.spec, restartPolicy: "Never" } } },
  };

  test("bring up a node without an agent, a Deployment and a Job (fast)", slow, async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    await cluster.apply([
      ...definition(),
      ...kwokStages("kustomize/stage/node/fast"),
      ...kwokStages("kustomize/stage/pod/fast"),
    ]);
    await cluster.apply([fake, deployment, job]);
    await cluster.clock.advance("1m");
    const node = (await cluster.get("node", "fake")) as unknown as Node;
    expect(node.status?.allocatable).toEqual({ cpu: "1k", memory: "1Ti", pods: "1M" });
    expect(node.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
    const pods = (await cluster.list("pods")) as unknown as Pod[];
    expect(pods.map(({ status }) => status?.phase ?? "").toSorted()).toEqual([
      "Running",
      "Running",
      "Running",
      "Succeeded",
    ]);
    expect(new Set(pods.map(({ status }) => status?.podIP)).size).toBe(4);
    const { status } = (await cluster.get("job", "once")) as unknown as Job;
    expect(status).toMatchObject({ succeeded: 1 });
    await cluster.delete("deployment", "web");
    await cluster.clock.advance("1m");
    expect((await cluster.list("pods")).length).toBe(1);
  });

  test("lead a pod through its init containers, with delays (general)", slow, async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 1 });
    await cluster.apply([...definition(), ...kwokStages("kustomize/stage/pod/general")]);
    const spec = { ...template.spec, initContainers: [{ name: "first", image: "app" }] };
    await cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", namespace: "default" },
      spec,
    });
    const phases = new Set<string>();
    for (let seconds = 0; seconds < 30; seconds++) {
      await cluster.clock.advance("1s");
      const { status } = (await cluster.get("pod", "web")) as unknown as Pod;
      const [init] = status?.initContainerStatuses ?? [];
      phases.add(`${status?.phase} ${Object.keys(init?.state ?? {}).join()}`);
    }
    expect([...phases]).toEqual([
      "Pending ",
      "Pending waiting",
      "Pending running",
      "Pending terminated",
      "Running terminated",
    ]);
  });

  test("provision a claim (volume)", slow, async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 1 });
    await cluster.apply([
      ...definition(),
      ...kwokObjects("kustomize/stage/volume/fast/storage-class.yaml"),
      ...kwokStages("kustomize/stage/volume/fast"),
    ]);
    await cluster.apply({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data", namespace: "default" },
      spec: {
        accessModes: ["ReadWriteOnce"],
        storageClassName: "kwok-volume",
        resources: { requests: { storage: "5Gi" } },
      },
    });
    await cluster.clock.advance("1m");
    const claim = (await cluster.get("pvc", "data")) as unknown as PersistentVolumeClaim;
    expect(claim.status).toMatchObject({ phase: "Bound", capacity: { storage: "5Gi" } });
    expect(claim.spec.volumeName).toBe(`pvc-${claim.metadata.uid}`);
  });
});
