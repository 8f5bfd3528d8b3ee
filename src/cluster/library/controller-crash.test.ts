import { describe, expect, it } from "vitest";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

const web = {
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name: "web" },
  spec: {
    replicas: 5,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "nginx" }] },
    },
  },
};
const pods = async (cluster: EmbeddedCluster): Promise<number> => (await cluster.list("pods")).length;

describe("crashController()", { timeout: 60_000 }, () => {
  it("kills a controller between two of its writes, and another goes on from what is stored", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    const crash = cluster.crashController("replicaset-controller", { afterWrites: 2 });
    const counts: number[] = [];
    const unsubscribe = countPods(cluster, counts);
    await cluster.apply(web);
    await cluster.clock.advance("1m");
    expect(crash.hits).toBe(1);
    expect(await pods(cluster)).toBe(5);
    // Who begins anew sees what there is: never one pod too many.
    expect(Math.max(...counts)).toBe(5);
    unsubscribe();
    expect(String(cluster.faults.log)).toContain("controller replicaset-controller crashed after 2 writes");
  });

  it("counts anew each time, and ends after so many", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    const crash = cluster.crashController("replicaset-controller", { afterWrites: 1, times: 4 });
    await cluster.apply(web);
    await cluster.clock.advance("1m");
    expect(crash.hits).toBe(4);
    expect(await pods(cluster)).toBe(5);
  });

  it("writes nothing more once it is dead", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    await cluster.stopController("replicaset-controller");
    cluster.startController("replicaset-controller");
    cluster.crashController("replicaset-controller", { afterWrites: 1, times: Infinity });
    const whose: string[] = [];
    await cluster.apply({ ...web, spec: { ...web.spec, replicas: 1 } });
    await cluster.clock.advance("1m");
    for (const pod of await cluster.list("pods")) whose.push(pod.metadata.name ?? "");
    expect(whose).toHaveLength(1);
  });

  it("at once, and can be taken back before", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    const now = cluster.crashController("replicaset-controller");
    const later = cluster.crashController("deployment-controller", { afterWrites: 1 });
    later.remove();
    await cluster.apply(web);
    await cluster.clock.advance("1m");
    expect(now.hits).toBe(1);
    expect(later.hits).toBe(0);
    expect(await pods(cluster)).toBe(5);
  });

  it("refuses a name that no controller has, with the one that was meant", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    expect(() => cluster.crashController("replicaSetController")).toThrow(
      'Did you mean "replicaset-controller"?',
    );
    expect(() => cluster.startController("cronjob")).toThrow('no controller is named "cronjob"');
    await expect(cluster.stopController("nodelifecycle-controller")).rejects.toThrow(
      'Did you mean "node-lifecycle-controller"?',
    );
  });
});

/** Notes how many pods there were after each change. */
function countPods(cluster: EmbeddedCluster, counts: number[]): () => void {
  const there = new Set<string>();
  const changes = cluster.changes()[Symbol.asyncIterator]();
  void (async () => {
    for (let next = await changes.next(); next.done !== true; next = await changes.next()) {
      for (const { key, type } of next.value) {
        if (!key.startsWith("/registry/pods/") && !key.includes("/pods/")) continue;
        if (type === "put") there.add(key);
        else there.delete(key);
        counts.push(there.size);
      }
    }
  })();
  return () => void changes.return?.();
}
