import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { TokenRequest } from "../../api/types/authentication-v1.ts";
import type { ConfigMap } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";
import type { CreateClusterOptions } from "./options.ts";

const open: EmbeddedCluster[] = [];
const start = async (options: CreateClusterOptions = {}): Promise<EmbeddedCluster> => {
  const cluster = await createCluster({ clock: "virtual", ...options });
  open.push(cluster);
  return cluster;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((cluster) => cluster.close()));
});

const configMap = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});

/** Names of ConfigMaps as a watch hears of them. */
async function watchNames(cluster: EmbeddedCluster, seen: string[], signal: AbortSignal): Promise<void> {
  const watch = cluster.client.resource(resources.configmaps).watch({ namespace: "default", signal });
  for await (const { type, object } of watch) if (type === "ADDED") seen.push(object.metadata.name ?? "");
}

async function tokenOf(cluster: EmbeddedCluster): Promise<string> {
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  const { status } = await cluster.client
    .resource(resources.serviceaccounts)
    .postSubresource<TokenRequest>("default", "token", request, { namespace: "default" });
  return status?.token ?? "";
}

async function believes(cluster: EmbeddedCluster, token: string): Promise<boolean> {
  const { status } = await cluster.client
    .resource(resources.tokenreviews)
    .create({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {}, spec: { token } });
  return status?.authenticated === true;
}

/** Of every object that a new cluster has. */
async function uidsOf(cluster: EmbeddedCluster): Promise<string[]> {
  const uids: string[] = [];
  for (const resource of [
    "namespaces",
    "clusterroles",
    "serviceaccounts",
    "nodes",
    "services",
    "configmaps",
  ]) {
    for (const { metadata } of await cluster.list(resource)) uids.push(metadata.uid ?? "");
  }
  return uids;
}

describe("many clusters in one process", { timeout: 120_000 }, () => {
  it("know nothing of each other: objects, watches, identities, authorities", async () => {
    const count = 100;
    const clusters = await Promise.all(Array.from({ length: count }, () => start()));
    const stop = new AbortController();
    const seen = clusters.map((): string[] => []);
    const watches = clusters.map((cluster, n) => watchNames(cluster, seen[n] ?? [], stop.signal));
    await Promise.all(clusters.map((cluster, n) => cluster.apply(configMap(`of-${n}`))));
    await Promise.all(clusters.map((cluster) => cluster.clock.settle()));
    expect(seen).toEqual(clusters.map((_, n) => ["kube-root-ca.crt", `of-${n}`]));
    stop.abort();
    await Promise.allSettled(watches);
    const uids = (await Promise.all(clusters.map(uidsOf))).flat();
    expect(uids.length).toBeGreaterThan(count * 80);
    expect(new Set(uids).size).toBe(uids.length);
    const authorities = await Promise.all(
      clusters.map(async (cluster) => (await cluster.get("configmaps", "kube-root-ca.crt"))["data"]),
    );
    expect(new Set(authorities.map((data) => JSON.stringify(data))).size).toBe(count);
  });

  it("believe their own tokens, and those of no other", async () => {
    const clusters = await Promise.all([start(), start(), start()]);
    const tokens = await Promise.all(clusters.map(tokenOf));
    const believed = await Promise.all(
      clusters.map((cluster) => Promise.all(tokens.map((token) => believes(cluster, token)))),
    );
    expect(believed).toEqual([
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
  });

  it("go their own ways with what they had in common", async () => {
    const [one, other] = [await start(), await start()];
    const roles = one.client.resource(resources.clusterroles);
    const view = await roles.get("system:discovery");
    await roles.update({ ...view, rules: [] });
    await one.delete("clusterrolebinding", "system:discovery");
    await expect(one.get("clusterrolebinding", "system:discovery")).rejects.toThrow("not found");
    expect((await other.get("clusterrolebinding", "system:discovery")).metadata.uid).toMatch(
      /^[0-9a-f-]{36}$/,
    );
    expect((await other.get("clusterrole", "system:discovery"))["rules"]).toEqual(view.rules);
    const fresh = await start();
    expect((await fresh.get("clusterrole", "system:discovery"))["rules"]).toEqual(view.rules);
  });

  it("a fork shares what was read, and neither sees what the other makes of it", async () => {
    const cluster = await start();
    await cluster.apply({ ...configMap("shared"), data: { of: "both" } });
    const branch = await cluster.fork();
    open.push(branch);
    await branch.apply({ ...configMap("shared"), data: { of: "the branch" } });
    await cluster.apply({ ...configMap("only-here"), data: {} });
    expect((await cluster.get("configmap", "shared"))["data"]).toEqual({ of: "both" });
    expect((await branch.get("configmap", "shared"))["data"]).toEqual({ of: "the branch" });
    await expect(branch.get("configmap", "only-here")).rejects.toThrow("not found");
  });
});

/** Creates and closes clusters in a process of its own; what it prints is what the process holds afterwards. */
const cycles = `
import { readdirSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { createCluster } from "./src/cluster/index.ts";
const alive = [];
const cycle = async (n) => {
  const cluster = await createCluster({ clock: n % 2 === 0 ? "virtual" : "real" });
  if (n % 5 === 0) await cluster.kubeconfig();
  await cluster.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } });
  if (n % 3 === 0) await (await cluster.fork()).close();
  await cluster.close();
  alive.push(new WeakRef(cluster), new WeakRef(cluster.server.cluster), new WeakRef(cluster.client));
};
const held = () => {
  const open = readdirSync("/proc/self/fd").flatMap((name) => {
    try { return [readlinkSync("/proc/self/fd/" + name)]; } catch { return []; }
  });
  return {
    handles: process.getActiveResourcesInfo().length,
    descriptors: open.length,
    sockets: open.filter((target) => target.startsWith("socket:")).length,
    folders: readdirSync(tmpdir()).filter((name) => name.startsWith("sampan-cluster-")).length,
  };
};
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    globalThis.gc();
  }
};
for (let n = 0; n < 6; n++) await cycle(n);
await settled();
const before = held();
for (let n = 0; n < 20; n++) await cycle(n);
await settled();
// The last ones may still be on the stack or in a register of the engine.
const left = alive.slice(0, -6).filter((each) => each.deref() !== undefined).length;
console.log(JSON.stringify({ before, after: held(), left }));
process.exit();
`;

it("clusters that were closed leave nothing: no object, handle, descriptor, socket or folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-many-"));
  try {
    const printed = execFileSync(
      process.execPath,
      ["--expose-gc", "--input-type=module-typescript", "-e", cycles],
      { encoding: "utf8", timeout: 110_000, env: { ...process.env, TMPDIR: folder } },
    );
    const { before, after, left } = JSON.parse(printed) as Record<"before" | "after", unknown> & {
      left: number;
    };
    expect(after).toEqual(before);
    expect(left).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
