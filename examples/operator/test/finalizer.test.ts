import { describe, expect } from "vitest";
import { finalizer } from "../src/reconciler.ts";
import { blog, manifest, test, untilReady } from "./fixtures.ts";

describe("the finalizer", () => {
  test("is there before the name is", async ({ cluster, dns }) => {
    dns.point = () => Promise.reject(new Error("the provider is down"));
    await cluster.apply(manifest("site"));
    await cluster.clock.advance("1m");
    expect(dns.names.size).toBe(0);
    expect((await blog(cluster)).metadata.finalizers).toEqual([finalizer]);
  });

  test("lets a Site go when its name has gone, and with it all that it owns", async ({ cluster, dns }) => {
    await cluster.apply(manifest("site"));
    await untilReady(cluster);
    await cluster.delete("site", "blog");
    await cluster.clock.runUntilIdle();
    expect(dns.names.size).toBe(0);
    await expect(blog(cluster)).rejects.toMatchObject({ reason: "NotFound" });
    expect(await cluster.list("deployments")).toEqual([]);
    expect(await cluster.list("pods", { namespace: "default" })).toEqual([]);
  });

  test("keeps a Site while its name cannot be removed", async ({ cluster, dns }) => {
    await cluster.apply(manifest("site"));
    await untilReady(cluster);
    const remove = dns.remove.bind(dns);
    dns.remove = () => Promise.reject(new Error("the provider is down"));
    await cluster.delete("site", "blog");
    await cluster.clock.advance("30m");
    expect((await blog(cluster)).metadata.deletionTimestamp).toBeDefined();
    dns.remove = remove;
    await cluster.clock.advance("30m");
    await expect(blog(cluster)).rejects.toMatchObject({ reason: "NotFound" });
  });
});
