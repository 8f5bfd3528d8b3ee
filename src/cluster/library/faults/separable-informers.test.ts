import { afterEach, describe, expect, it } from "vitest";
import type { ConfigMap } from "../../../api/types/core-v1.ts";
import { silentLogger } from "../../../apimachinery/logger.ts";
import { resources } from "../../../client/resources.ts";
import { SharedInformerFactory } from "../../../client/shared-informer-factory.ts";
import { createCluster } from "../create-cluster.ts";
import type { EmbeddedCluster } from "../embedded-cluster.ts";
import { SeparableInformers } from "./separable-informers.ts";

const namespace = "default";
const configMap = (name: string, value = ""): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data: { value },
});

let stop: AbortController;
afterEach(() => stop.abort());

/** A view of the cluster's ConfigMaps that notes what it is told. */
async function viewed(cluster: EmbeddedCluster) {
  stop = new AbortController();
  const newShared = () =>
    new SharedInformerFactory({
      client: cluster.client,
      clock: cluster.clock.skewed(0),
      logger: silentLogger,
    });
  const shared = newShared();
  const view = new SeparableInformers(shared);
  const informer = view.informer(resources.configmaps, { namespace });
  informer.addIndex("value", ({ data }) => [data?.["value"] ?? ""]);
  const told: string[] = [];
  await shared.start(stop.signal);
  informer.addHandler({
    added: ({ metadata }) => told.push(`added ${metadata.name}`),
    updated: (old, { metadata, data }) =>
      told.push(`updated ${metadata.name} from ${old.data?.["value"]} to ${data?.["value"]}`),
    deleted: ({ metadata }) => told.push(`deleted ${metadata.name}`),
  });
  return { view, shared, newShared, informer, told };
}

describe("SeparableInformers", { timeout: 60_000 }, () => {
  it("show what was there while they are cut, and tell the difference afterwards, once", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0, controllers: "none" });
    const maps = cluster.client.resource(resources.configmaps);
    for (const name of ["changed", "gone", "replaced", "same"])
      await maps.create(configMap(name, name === "same" ? "" : "1"));
    const { view, shared, informer, told } = await viewed(cluster);
    await cluster.clock.settle();
    expect(told.splice(0).toSorted()).toEqual([
      "added changed",
      "added gone",
      "added replaced",
      "added same",
    ]);

    view.cut();
    await maps.update(configMap("changed", "2"));
    await maps.update(configMap("changed", "3"));
    await maps.delete("gone", { namespace });
    await maps.delete("replaced", { namespace });
    await maps.create(configMap("replaced", "1"));
    await maps.create(configMap("new", "1"));
    await cluster.clock.settle();
    expect(told).toEqual([]);
    expect(informer.hasSynced()).toBe(false);
    expect(informer.list(namespace).map(({ metadata }) => metadata.name)).toHaveLength(4);
    expect(informer.get("changed", namespace)?.data).toEqual({ value: "1" });
    expect(informer.getByKey("default/new")).toBeUndefined();
    expect(informer.byIndex("value", "1")).toHaveLength(3);

    view.connect(shared);
    expect(told.splice(0).toSorted()).toEqual([
      "added new",
      "added replaced",
      "deleted gone",
      "deleted replaced",
      "updated changed from 1 to 3",
    ]);
    expect(informer.get("changed", namespace)?.data).toEqual({ value: "3" });
    await maps.update(configMap("same", "4"));
    await cluster.clock.settle();
    expect(told).toEqual(["updated same from  to 4"]);
  });

  it("go on with other caches as soon as these have synced, and not if they are cut before", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0, controllers: "none" });
    const maps = cluster.client.resource(resources.configmaps);
    const { view, newShared, told } = await viewed(cluster);
    view.cut();
    await maps.create(configMap("a"));
    const second = newShared();
    view.connect(second);
    view.cut();
    await second.start(stop.signal);
    expect(told).toEqual([]);
    const third = newShared();
    view.connect(third);
    expect(told).toEqual([]);
    await third.start(stop.signal);
    await cluster.clock.settle();
    expect(told).toEqual(["added a"]);
    await maps.create(configMap("b"));
    await cluster.clock.settle();
    expect(told).toEqual(["added a", "added b"]);
  });

  it("tell a handler that comes while they are cut of what was there, and one that has gone of nothing", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0, controllers: "none" });
    const maps = cluster.client.resource(resources.configmaps);
    await maps.create(configMap("a"));
    const { view, shared, informer, told } = await viewed(cluster);
    view.cut();
    const late: string[] = [];
    const remove = informer.addHandler({ added: ({ metadata }) => late.push(metadata.name ?? "") });
    expect(late).toEqual(["a"]);
    remove();
    await maps.create(configMap("b"));
    await cluster.clock.settle();
    view.connect(shared);
    expect(late).toEqual(["a"]);
    expect(told).toEqual(["added a", "added b"]);
  });
});
