import { expect, test } from "vitest";
import { createCluster, type EmbeddedCluster } from "../index.ts";

const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

/** The names of ConfigMaps in the order of their changes, up to the one that ends the log. */
async function logOf(cluster: EmbeddedCluster, last: string): Promise<string[]> {
  const log: string[] = [];
  for await (const batch of cluster.changes()) {
    for (const { type, key } of batch) {
      const [, name] = /configmaps\/default\/(.*)$/.exec(key) ?? [];
      if (name !== undefined && name !== "kube-root-ca.crt") log.push(`${type} ${name}`);
    }
    if (log.at(-1) === `put ${last}`) return log;
  }
  return log;
}

test("the changes of a fork begin with the state that it was forked with", async () => {
  await using cluster = await createCluster({ clock: "virtual", nodes: 0 });
  await cluster.apply([configMap("a"), configMap("gone"), configMap("b")]);
  await cluster.delete("configmap", "gone");
  await using fork = await cluster.fork();
  await fork.delete("configmap", "a");
  await fork.apply(configMap("c"));
  await cluster.apply(configMap("d"));
  expect(await logOf(fork, "c")).toEqual(["put a", "put b", "delete a", "put c"]);
  expect(await logOf(cluster, "d")).toEqual(["put a", "put gone", "put b", "delete gone", "put d"]);
});

test("the changes so far end by themselves, and are the same for the same seed", async () => {
  const logOfAll = async (): Promise<string> => {
    await using cluster = await createCluster({ clock: "virtual", seed: 5 });
    await cluster.apply([configMap("a"), configMap("b")]);
    await cluster.clock.advance("1m");
    const log: unknown[] = [];
    for await (const batch of cluster.changes({ follow: false })) log.push(...batch);
    return JSON.stringify(log);
  };
  const log = await logOfAll();
  expect(log).toContain("configmaps/default/b");
  expect(await logOfAll()).toBe(log);
});

test("the changes so far of a fork are the state that it began with", async () => {
  await using cluster = await createCluster({ clock: "virtual", nodes: 0 });
  await cluster.apply([configMap("a")]);
  await using fork = await cluster.fork();
  let count = 0;
  for await (const batch of fork.changes({ follow: false })) count += batch.length;
  expect(count).toBeGreaterThan(0);
});
