import { afterEach, describe, expect, it } from "vitest";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

const open: EmbeddedCluster[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((cluster) => cluster.close()));
});

function kept(cluster: EmbeddedCluster): EmbeddedCluster {
  open.push(cluster);
  return cluster;
}

const pod = (name: string, script: string, restartPolicy = "Never") => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { restartPolicy, containers: [{ name: "c", image: "busybox", command: ["sh", "-c", script] }] },
});

async function stateOf(cluster: EmbeddedCluster, name: string): Promise<string> {
  const { status } = await cluster.client.resource(resources.pods).get(name, { namespace: "default" });
  const [container] = status?.containerStatuses ?? [];
  const code = (container?.state?.terminated ?? container?.lastState?.terminated)?.exitCode;
  return `${status?.phase} ${code ?? "-"} ${container?.restartCount}`;
}

/** What was printed, without times. */
const logsOf = (cluster: EmbeddedCluster): string[] =>
  [...cluster.nodes.save().values()].flatMap(({ logs }) =>
    logs.flatMap(({ chunks }) => chunks.split("\n").flatMap((line) => line.split(" F ")[1] ?? [])),
  );

describe("pods with commands", { timeout: 60_000 }, () => {
  it("do what their scripts say, in the cluster's time", async () => {
    const cluster = kept(await createCluster({ clock: "virtual", seed: 1 }));
    await cluster.apply([
      pod("fails", "sleep 30; exit 3"),
      pod("again", "sleep 30; exit 3", "Always"),
      pod("serves", "setup; sleep 5; exec server", "Always"),
      pod("works", "setup; sleep 5; exec server"),
    ]);
    await cluster.clock.advance("29s");
    const before = ["Running - 0", "Running - 0", "Running - 0", "Succeeded 0 0"];
    const names = ["fails", "again", "serves", "works"];
    expect(await Promise.all(names.map((name) => stateOf(cluster, name)))).toEqual(before);
    await cluster.clock.advance("20s");
    const after = ["Failed 3 0", "Running 3 1", "Running - 0", "Succeeded 0 0"];
    expect(await Promise.all(names.map((name) => stateOf(cluster, name)))).toEqual(after);
  });

  it.each([0, 5, 7])(
    "go on in a fork where they were, and print nothing twice: after %d s",
    async (seconds) => {
      const cluster = kept(await createCluster({ clock: "virtual", seed: 1 }));
      const annotations = { "simulated.sampan.dev/log": "hello", "simulated.sampan.dev/log-at": "5s five" };
      const ticking = pod("ticks", "for i in 1 2 3 4; do echo tick $i; sleep 5; done; sleep infinity");
      await cluster.apply({ ...ticking, metadata: { name: "ticks", annotations } });
      await cluster.until(async () => (await stateOf(cluster, "ticks")).startsWith("Running"));
      await cluster.clock.advance(seconds * 1000);
      const fork = kept(await cluster.fork());
      await fork.clock.advance("1m");
      expect(logsOf(fork).toSorted()).toEqual(["five", "hello", "tick 1", "tick 2", "tick 3", "tick 4"]);
    },
  );

  it("that print for ever do so one line after the other", async () => {
    const cluster = kept(await createCluster({ clock: "virtual", seed: 1 }));
    await cluster.apply(pod("ticks", "while true; do echo tick; sleep 10; done"));
    await cluster.until(async () => (await stateOf(cluster, "ticks")).startsWith("Running"));
    await cluster.clock.advance("95s");
    expect(logsOf(cluster)).toHaveLength(10);
    await cluster.delete("pod", "ticks");
    await cluster.clock.advance("2m");
    expect(await cluster.list("pods")).toEqual([]);
  });
});
