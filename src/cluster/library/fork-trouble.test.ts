import { afterEach, describe, expect, it } from "vitest";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";
import type { NodeOptions } from "./options.ts";

const open: EmbeddedCluster[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((cluster) => cluster.close()));
});

function kept(cluster: EmbeddedCluster): EmbeddedCluster {
  open.push(cluster);
  return cluster;
}

const start = async (...nodes: NodeOptions[]): Promise<EmbeddedCluster> =>
  kept(await createCluster({ clock: "virtual", seed: 1, nodes }));

const copies: [string, (cluster: EmbeddedCluster) => Promise<EmbeddedCluster>][] = [
  ["fork()", async (cluster) => kept(await cluster.fork())],
  ["save()", async (cluster) => kept(await createCluster({ from: await cluster.save() }))],
];

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}

async function condition(cluster: EmbeddedCluster, node: string, type: string): Promise<Condition> {
  const { status } = await cluster.get("node", node);
  const all = (status?.["conditions"] ?? []) as Condition[];
  return all.find((each) => each.type === type) ?? { type, status: "absent" };
}
const isReady = async (cluster: EmbeddedCluster, node: string): Promise<string> =>
  (await condition(cluster, node, "Ready")).status;

describe.each(copies)(
  "what is wrong in a cluster goes on in its copy by %s",
  { timeout: 60_000 },
  (_, copy) => {
    it("clocks that are off", async () => {
      const cluster = await start({ name: "a" }, { name: "b" });
      cluster.nodes.skew("a", "-5m");
      cluster.server.skew("1h");
      const other = await copy(cluster);
      await other.clock.advance("1m");
      const renewed = async (node: string): Promise<number> => {
        const lease = await other.get("lease", node, "kube-node-lease");
        return Date.parse(String(lease.spec?.["renewTime"])) - other.clock.now();
      };
      expect(await renewed("a")).toBeLessThan(-4 * 60_000);
      expect(await renewed("b")).toBeGreaterThan(-60_000);
      const [made] = await other.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } });
      expect(Date.parse(made?.metadata.creationTimestamp ?? "") - other.clock.now()).toBe(60 * 60_000);
      other.nodes.skew("a", 0);
      await other.clock.advance("1m");
      expect(await renewed("a")).toBeGreaterThan(-60_000);
    });

    it("nodes that say that they are not well", async () => {
      const cluster = await start({ name: "a" }, { name: "b" });
      await cluster.nodes.notReady("a", "the fan stands still");
      await cluster.nodes.pressure("a", "disk");
      const other = await copy(cluster);
      await other.clock.advance("1m");
      expect(await condition(other, "a", "Ready")).toMatchObject({ status: "False" });
      expect((await condition(other, "a", "Ready")).message).toContain("the fan stands still");
      expect((await condition(other, "a", "DiskPressure")).status).toBe("True");
      expect(await isReady(other, "b")).toBe("True");
      await other.nodes.ready("a");
      await other.nodes.pressure("a", "disk", false);
      await other.clock.advance("1m");
      expect(await isReady(other, "a")).toBe("True");
      expect((await condition(other, "a", "DiskPressure")).status).toBe("False");
      expect(await isReady(cluster, "a")).toBe("False");
    });

    it("nodes that are cut off, until they are healed there", async () => {
      const cluster = await start({ name: "a" }, { name: "b" });
      cluster.nodes.partition("a");
      await cluster.clock.advance("2m");
      expect(await isReady(cluster, "a")).toBe("Unknown");
      const other = await copy(cluster);
      await other.clock.advance("2m");
      expect(await isReady(other, "a")).toBe("Unknown");
      other.nodes.heal("a");
      await other.clock.advance("2m");
      expect(await isReady(other, "a")).toBe("True");
      expect(await isReady(cluster, "a")).toBe("Unknown");
    });

    it("failures that are planned, each at its time", async () => {
      const cluster = await start(
        { name: "flaps", failures: [{ kind: "not-ready", after: "1m", for: "20s", every: "5m" }] },
        { name: "falls", failures: [{ kind: "crash", after: "2m", for: "6m" }] },
      );
      await cluster.clock.advance("4m");
      const other = await copy(cluster);
      expect(other.nodes.names()).toEqual(["flaps"]);
      const states: string[] = [];
      for (let minute = 4; minute < 12; minute++) {
        await other.clock.advance("5s");
        states.push(await isReady(other, "flaps"));
        await other.clock.advance("55s");
      }
      // From the first minute on every fifth: the sixth and the eleventh.
      expect(states).toEqual(["True", "True", "False", "True", "True", "True", "True", "False"]);
      expect(other.nodes.names()).toEqual(["flaps", "falls"]);
      expect(await isReady(other, "falls")).toBe("True");
    });
  },
);
