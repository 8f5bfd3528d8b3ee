import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../../api/types/core-v1.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import type { KubernetesList } from "../../apimachinery/object.ts";
import type { WatchOptions } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import { SharedInformerFactory } from "../../client/shared-informer-factory.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";
import type { FaultRule } from "./faults.ts";

const start = (): Promise<EmbeddedCluster> =>
  createCluster({ clock: "virtual", seed: 1, nodes: 0, controllers: "none", scheduler: false });
const namespace = "default";
const configMap = (name: string, value = ""): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data: { value },
});
const maps = (cluster: EmbeddedCluster) => cluster.client.resource(resources.configmaps);
const names = (items: readonly ConfigMap[]): (string | undefined)[] =>
  items.map(({ metadata }) => metadata.name);

/** Notes the names of what a watch tells, as it comes. */
function watched(cluster: EmbeddedCluster, options: WatchOptions): string[] {
  const seen: string[] = [];
  void (async () => {
    for await (const { type, object } of maps(cluster).watch({ namespace, ...options }))
      seen.push(`${type} ${object.metadata.name ?? ""}`);
  })();
  return seen;
}

describe("a fault with stale", { timeout: 60_000 }, () => {
  it("answers reads that may be old from the past, and no others", async () => {
    await using cluster = await start();
    await maps(cluster).create(configMap("a", "old"));
    await cluster.clock.advance("1m");
    const fault = cluster.faults.add({ resource: "configmaps", stale: "30s" });
    await maps(cluster).update({ ...(await maps(cluster).get("a", { namespace })), data: { value: "new" } });
    await maps(cluster).create(configMap("b"));
    const any = { namespace, resourceVersion: "0" };
    const valueOf = async (options: { namespace: string; resourceVersion?: string }) =>
      (await maps(cluster).get("a", options)).data?.["value"];
    expect(names((await maps(cluster).list(any)).items)).toEqual(["a"]);
    expect(await valueOf(any)).toBe("old");
    await expect(maps(cluster).get("b", any)).rejects.toMatchObject({ reason: "NotFound" });
    // These are promised to be new.
    expect(names((await maps(cluster).list({ namespace })).items)).toEqual(["a", "b"]);
    expect(await valueOf({ namespace })).toBe("new");
    expect(fault.hits).toBe(3);
    await cluster.clock.advance("31s");
    expect(names((await maps(cluster).list(any)).items)).toEqual(["a", "b"]);
    expect(await valueOf(any)).toBe("new");
  });

  it("shows what was deleted meanwhile", async () => {
    await using cluster = await start();
    await maps(cluster).create(configMap("a"));
    cluster.faults.add({ resource: "configmaps", stale: "30s" });
    await maps(cluster).delete("a", { namespace });
    const any = { namespace, resourceVersion: "0" };
    expect((await maps(cluster).get("a", any)).metadata.name).toBe("a");
    expect(names((await maps(cluster).list(any)).items)).toEqual(["a"]);
  });

  it("is never older than the revision that a client names", async () => {
    await using cluster = await start();
    cluster.faults.add({ resource: "configmaps", stale: Infinity });
    const a = await maps(cluster).create(configMap("a"));
    await maps(cluster).create(configMap("b"));
    const atLeast = { namespace, resourceVersion: a.metadata.resourceVersion ?? "" };
    const list = await maps(cluster).list({ ...atLeast, resourceVersionMatch: "NotOlderThan" });
    expect(names(list.items)).toEqual(["a"]);
    expect(list.metadata.resourceVersion).toBe(a.metadata.resourceVersion);
    expect((await maps(cluster).get("a", atLeast)).metadata).toEqual(a.metadata);
  });

  it("lets a watch trail: nothing is lost, nothing out of order", async () => {
    await using cluster = await start();
    await maps(cluster).create(configMap("a"));
    cluster.faults.add({ resource: "configmaps", stale: "30s" });
    await maps(cluster).create(configMap("b"));
    const { items, metadata } = await maps(cluster).list({ namespace, resourceVersion: "0" });
    expect(names(items)).toEqual(["a"]);
    const seen = watched(cluster, { resourceVersion: metadata.resourceVersion ?? "" });
    await cluster.clock.advance("10s");
    await maps(cluster).create(configMap("c"));
    await maps(cluster).delete("a", { namespace });
    await cluster.clock.advance("19s");
    expect(seen).toEqual([]);
    await cluster.clock.advance("2s");
    expect(seen).toEqual(["ADDED b"]);
    await cluster.clock.advance("10s");
    expect(seen).toEqual(["ADDED b", "ADDED c", "DELETED a"]);
  });

  it.each([
    { resourceVersion: "0" },
    { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", resourceVersion: "0" },
  ])("begins a watch with the state of the past where any is asked for: %j", async (options) => {
    await using cluster = await start();
    await maps(cluster).create(configMap("a"));
    cluster.faults.add({ resource: "configmaps", stale: "30s" });
    await maps(cluster).create(configMap("b"));
    const seen = watched(cluster, options);
    await cluster.clock.advance("29s");
    expect(seen).toEqual(["ADDED a"]);
    await cluster.clock.advance("2s");
    expect(seen).toEqual(["ADDED a", "ADDED b"]);
  });

  it("makes an informer go stale, and it recovers", async () => {
    await using cluster = await start();
    const stale = cluster.faults.add({ user: "jane", resource: "configmaps", stale: "1m" });
    await cluster.client.resource(resources.clusterrolebindings).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "jane" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }],
    });
    const factory = new SharedInformerFactory({
      client: cluster.clientOf({ name: "jane" }),
      clock: cluster.clock.skewed(0),
      logger: silentLogger,
    });
    const informer = factory.informer(resources.configmaps, { namespace });
    using stop = new Stop();
    await factory.start(stop.signal);
    await maps(cluster).create(configMap("a"));
    await cluster.clock.advance("59s");
    expect(informer.list()).toEqual([]);
    expect(names((await maps(cluster).list({ namespace, resourceVersion: "0" })).items)).toEqual(["a"]);
    await cluster.clock.advance("2s");
    expect(names(informer.list())).toEqual(["a"]);
    stale.remove();
    cluster.faults.dropWatches({ user: "jane" });
    await cluster.clock.advance("10s");
    await maps(cluster).create(configMap("b"));
    await cluster.clock.settle();
    expect(names(informer.list())).toEqual(["a", "b"]);
  });

  it("breaks what Kubernetes promises only where it is told to", async () => {
    await using cluster = await start();
    cluster.faults.add({ verb: ["get", "list"], resource: "configmaps", stale: "30s", inconsistent: true });
    await maps(cluster).create(configMap("a"));
    expect((await maps(cluster).list({ namespace })).items).toEqual([]);
    await expect(maps(cluster).get("a", { namespace })).rejects.toMatchObject({ reason: "NotFound" });
    await cluster.clock.advance("30s");
    expect((await maps(cluster).get("a", { namespace })).metadata.name).toBe("a");
  });

  it("reads what is left when history was compacted", async () => {
    await using cluster = await start();
    await maps(cluster).create(configMap("a"));
    cluster.faults.add({ resource: "configmaps", stale: Infinity });
    await cluster.clock.advance("30m");
    await maps(cluster).create(configMap("b"));
    await cluster.clock.advance("30m");
    const { items } = await maps(cluster).list({ namespace, resourceVersion: "0" });
    expect(names(items)).toContain("a");
  });
});

/** One answer of the server, as it is. */
async function page(
  cluster: EmbeddedCluster,
  query: Record<string, string>,
): Promise<KubernetesList<ConfigMap>> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const { body } = await cluster.client.transport.request({ method: "GET", path, query });
  return body as KubernetesList<ConfigMap>;
}

describe("a fault with pageSize", { timeout: 60_000 }, () => {
  it.each<Record<string, string>>([{}, { resourceVersion: "0" }, { limit: "5" }])(
    "cuts a list into pages at one revision: %j",
    async (query) => {
      await using cluster = await start();
      for (const name of ["a", "b", "c"]) await maps(cluster).create(configMap(name));
      const fault = cluster.faults.add({ resource: "configmaps", pageSize: 2 });
      const first = await page(cluster, query);
      expect(names(first.items)).toEqual(["a", "b"]);
      expect(first.metadata.continue).toEqual(expect.any(String));
      await maps(cluster).create(configMap("d"));
      const rest = await maps(cluster).list({ namespace, continue: first.metadata.continue ?? "" });
      expect(names(rest.items)).toEqual(["c"]);
      expect(rest.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      expect(fault.hits).toBe(2);
    },
  );

  it("leaves smaller pages, and a revision that is not to be older, as they are", async () => {
    await using cluster = await start();
    const { metadata } = await maps(cluster).create(configMap("a"));
    for (const name of ["b", "c"]) await maps(cluster).create(configMap(name));
    cluster.faults.add({ resource: "configmaps", pageSize: 2 });
    expect(names((await maps(cluster).list({ namespace, limit: 1 })).items)).toEqual(["a"]);
    const since = await page(cluster, { resourceVersion: metadata.resourceVersion ?? "" });
    expect(names(since.items)).toEqual(["a", "b"]);
  });

  it("is no trouble to clients that want the whole list", async () => {
    await using cluster = await start();
    for (const name of ["a", "b", "c", "d", "e"]) await maps(cluster).create(configMap(name));
    const fault = cluster.faults.add({ resource: "configmaps", pageSize: 2 });
    expect(names((await maps(cluster).list({ namespace })).items)).toEqual(["a", "b", "c", "d", "e"]);
    expect(fault.hits).toBe(3);
  });

  it("is no trouble to informers", async () => {
    await using cluster = await start();
    for (const name of ["a", "b", "c"]) await maps(cluster).create(configMap(name));
    cluster.faults.add({ pageSize: 1 });
    const clock = cluster.clock.skewed(0);
    const factory = new SharedInformerFactory({ client: cluster.client, clock, logger: silentLogger });
    const informer = factory.informer(resources.configmaps, { namespace });
    using stop = new Stop();
    await factory.start(stop.signal);
    expect(names(informer.list())).toEqual(["a", "b", "c"]);
  });
});

describe("a fault with expireContinue", { timeout: 60_000 }, () => {
  it("refuses to go on with 410, and the token that comes with it goes on without consistency", async () => {
    await using cluster = await start();
    for (const name of ["a", "b", "c"]) await maps(cluster).create(configMap(name));
    cluster.faults.add({ resource: "configmaps", expireContinue: true });
    const first = await maps(cluster).list({ namespace, limit: 1 });
    await maps(cluster).delete("b", { namespace });
    const refused = await maps(cluster)
      .list({ namespace, limit: 5, continue: first.metadata.continue ?? "" })
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(refused).toMatchObject({
      code: 410,
      reason: "Expired",
      message: expect.stringContaining(
        "The provided continue parameter is too old to display a consistent list",
      ),
    });
    const token = (refused as { status: { metadata: { continue: string } } }).status.metadata.continue;
    const rest = await maps(cluster).list({ namespace, continue: token });
    expect(names(rest.items)).toEqual(["c"]);
    expect(rest.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
  });
});

it.each([
  [{ stale: "long" }, '"long" is no duration'],
  [{ pageSize: 0 }, "pageSize: 0 is no number of objects"],
  [{ error: 500, inconsistent: true }, "inconsistent means nothing without stale"],
  [{ eror: "Conflict" }, /"eror" is nothing that a fault may say; .* Did you mean "error"\?/],
] as [FaultRule, string | RegExp][])("a rule that makes no sense is refused: %j", async (rule, message) => {
  await using cluster = await start();
  expect(() => cluster.faults.add(rule)).toThrow(message);
});

class Stop extends AbortController implements Disposable {
  [Symbol.dispose](): void {
    this.abort();
  }
}
