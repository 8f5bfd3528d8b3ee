import { describe, expect, test } from "vitest";
import { resources } from "../client/resources.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

describe("the node", () => {
  test("registers itself as Ready with what it has", async () => {
    const h = await started();
    const { metadata, status } = await h.node();
    expect(metadata.labels).toMatchObject({
      "kubernetes.io/hostname": "node-1",
      "kubernetes.io/os": "linux",
    });
    expect(status?.conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ["MemoryPressure", "False", "KubeletHasSufficientMemory"],
      ["DiskPressure", "False", "KubeletHasNoDiskPressure"],
      ["PIDPressure", "False", "KubeletHasSufficientPID"],
      ["Ready", "True", "KubeletReady"],
    ]);
    expect(status?.allocatable?.["pods"]).toBe("110");
  });

  test("keeps resources that others advertise, also over a restart, until they take them back", async () => {
    const h = await started();
    const advertise = (count: string | null) =>
      h.client
        .resource(resources.nodes)
        .patch(
          "node-1",
          { status: { capacity: { "example.com/dongle": count } } },
          { type: "merge", subresource: "status" },
        );
    const dongles = async () => {
      const { capacity, allocatable } = (await h.node()).status ?? {};
      return [capacity?.["example.com/dongle"], allocatable?.["example.com/dongle"]];
    };
    await advertise("4");
    await h.advance(60_000);
    expect(await dongles()).toEqual(["4", "4"]);
    await h.restart();
    await h.advance(60_000);
    expect(await dongles()).toEqual(["4", "4"]);
    await advertise(null);
    await h.advance(60_000);
    expect(await dongles()).toEqual([undefined, undefined]);
  });

  test("makes its lease the Node's that is there now", async () => {
    const h = await started();
    const leases = h.client.resource(resources.leases);
    h.transport.remove(resources.nodes, "node-1");
    h.transport.remove(resources.leases, "node-1", "kube-node-lease");
    await h.advance(600_000);
    const node = await h.node();
    const lease = await leases.get("node-1", { namespace: "kube-node-lease" });
    expect(lease.metadata.ownerReferences).toMatchObject([{ kind: "Node", uid: node.metadata.uid }]);
  });

  test("renews its lease every ten seconds", async () => {
    const h = await started();
    const lease = () => h.client.resource(resources.leases).get("node-1", { namespace: "kube-node-lease" });
    expect((await lease()).spec.renewTime).toBe("2026-01-01T00:00:00.000000Z");
    await h.advance(10_000);
    expect((await lease()).spec).toMatchObject({
      renewTime: "2026-01-01T00:00:10.000000Z",
      holderIdentity: "node-1",
    });
  });
});

describe("a pod", () => {
  test("that is bound to the node runs and is ready", async () => {
    const h = await started();
    await h.createPod("web");
    const { status } = await h.pod("web");
    expect(status).toMatchObject({
      phase: "Running",
      podIP: "10.244.0.2",
      hostIP: "192.168.0.1",
      qosClass: "BestEffort",
    });
    expect(status?.conditions?.map(({ type, status }) => [type, status])).toEqual([
      ["PodReadyToStartContainers", "True"],
      ["Initialized", "True"],
      ["Ready", "True"],
      ["ContainersReady", "True"],
    ]);
    expect(status?.containerStatuses).toMatchObject([
      { name: "app", ready: true, started: true, restartCount: 0, state: { running: {} }, lastState: {} },
    ]);
    expect(status?.containerStatuses?.[0]?.containerID).toMatch(/^simulated:\/\/[0-9a-f]{64}$/);
    expect(h.events.filter((event) => event.startsWith("web"))).toEqual([
      'web spec.containers{app} Normal Pulling: Pulling image "example.com/app:1"',
      'web spec.containers{app} Normal Pulled: Successfully pulled image "example.com/app:1" in 0s (0s including waiting). Image size: 1000000 bytes.',
      "web spec.containers{app} Normal Created: Container created",
      "web spec.containers{app} Normal Started: Container started",
    ]);
  });

  test("whose conditions others have changed gets its own back: its node was taken for dead and is not", async () => {
    const h = await started();
    await h.createPod("web");
    const pods = h.client.resource(resources.pods);
    const pod = await h.pod("web");
    const conditions = pod.status?.conditions?.map((condition) =>
      condition.type === "Ready" ? { ...condition, status: "False" } : condition,
    );
    await pods.updateStatus({ ...pod, status: { ...pod.status, conditions } });
    await h.settle();
    expect((await h.pod("web")).status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", status: "True" }),
    );
  });

  test("that is deleted is stopped, and its object goes last", async () => {
    const h = await started();
    await h.createPod("web", {}, { "simulated.sampan.dev/stop-duration": "5s" });
    await h.deletePod("web");
    expect(await h.exists("web")).toBe(true);
    expect(h.events.at(-1)).toBe("web spec.containers{app} Normal Killing: Stopping container app");
    await h.advance(5_000);
    expect(await h.exists("web")).toBe(false);
    await h.settle();
    expect(await h.runtime.listPodSandboxes()).toEqual([]);
  });
});
