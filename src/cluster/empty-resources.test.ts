import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import type { Filter } from "../apiserver/endpoints/api-request.ts";
import { resources } from "../client/resources.ts";
import { MemoryStorage } from "../storage/memory/memory-storage.ts";
import { Cluster } from "./cluster.ts";

/** What was asked for, as `list secrets`. */
let asked: string[];
let clock: VirtualClock;
let cluster: Cluster;
let storage: MemoryStorage;

const count: Filter = (state, next) => {
  asked.push(`${state.info.verb} ${state.info.resource}`);
  return next(state);
};

beforeEach(async () => {
  asked = [];
  clock = new VirtualClock();
  clock.watchActivity(() => asked.length);
  storage = new MemoryStorage();
  cluster = new Cluster({ clock, storage, intercept: count });
  await cluster.startApi();
});
afterEach(() => cluster.stop());

const secret = (name: string) => ({
  apiVersion: "v1" as const,
  kind: "Secret" as const,
  metadata: { name, namespace: "default" },
});

describe("the caches of a cluster", () => {
  it("ask for nothing of a resource that has no objects, and have synced", async () => {
    await cluster.bootstrap();
    await cluster.startControllers();
    await clock.settle();
    expect(cluster.informers.informer(resources.secrets).hasSynced()).toBe(true);
    expect(cluster.informers.informer(resources.secrets).lastResourceVersion()).toMatch(/^[1-9]/);
    expect(asked.filter((each) => each.endsWith(" secrets"))).toEqual([]);
    expect(asked).toContain("watch namespaces");
  });

  it("follow it from its first object on, once", async () => {
    await cluster.bootstrap();
    await cluster.startControllers();
    const seen: string[] = [];
    const informer = cluster.informers.informer(resources.secrets, { labelSelector: "!none" });
    informer.addHandler({
      added: ({ metadata }) => seen.push(`+${metadata.name}`),
      deleted: ({ metadata }) => seen.push(`-${metadata.name}`),
    });
    const secrets = cluster.client().resource(resources.secrets);
    await Promise.all([secrets.create(secret("a")), secrets.create(secret("b"))]);
    await clock.settle();
    expect(seen.toSorted()).toEqual(["+a", "+b"]);
    const { length } = asked.filter((each) => each === "list secrets");
    expect(length).toBeGreaterThan(0);
    await secrets.delete("a", { namespace: "default" });
    await secrets.delete("b", { namespace: "default" });
    await secrets.create(secret("c"));
    await clock.settle();
    expect(seen.slice(2)).toEqual(["-a", "-b", "+c"]);
    expect(asked.filter((each) => each === "list secrets")).toHaveLength(length);
  });

  it("ask at once where only a list can say that there is something which cannot be read", async () => {
    const key = "/registry/core/secrets/default/broken";
    await storage.txn([], [{ type: "put", key, value: Buffer.from("k8s:enc:aescbc:v1:key:…") }]);
    await clock.settle();
    expect(cluster.server.unreadable()).toContain(key);
    expect(cluster.server.whileEmpty(resources.secrets)).toBeUndefined();
  });

  it("ask at once for what is not built in", () => {
    const reference = { group: "example.com", version: "v1", resource: "widgets" };
    expect(cluster.server.whileEmpty(reference)).toBeUndefined();
    expect(cluster.server.whileEmpty(resources.tokenreviews)).toBeUndefined();
    expect(cluster.server.whileEmpty(resources.secrets)?.resourceVersion).toBe("0");
  });
});
