import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import { durationMs } from "./duration.ts";

const dayMs = 24 * 3_600_000;

describe("VirtualClock.leap()", () => {
  it("runs what fell due once, in order and late, and nothing that is still to come", async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    const note = (what: string) => (): void => void seen.push(`${what} at ${clock.now()}`);
    clock.after(300, note("third"));
    clock.after(100, () => {
      note("first")();
      clock.after(50, note("later"));
    });
    clock.every(200, note("again"));
    clock.after(1_001, note("too late"));
    await clock.leap(1_000);
    expect(seen).toEqual(["first at 1000", "again at 1000", "third at 1000"]);
    // What repeats does so when it would have without the leap.
    await clock.advance(200);
    expect(seen.slice(3)).toEqual(["too late at 1001", "later at 1050", "again at 1200"]);
  });

  it("leaves a clock that advances as it was: an interval begins at its own time", async () => {
    const clock = new VirtualClock(0);
    const seen: number[] = [];
    clock.every(300, () => seen.push(clock.now()));
    await clock.advance(1_000);
    await clock.advance(1_000);
    expect(seen).toEqual([300, 600, 900, 1200, 1500, 1800]);
  });
});

it.each([
  ["400d", 400 * dayMs],
  ["1d12h", 1.5 * dayMs],
  ["0.5d", dayMs / 2],
  ["90s", 90_000],
])("the duration %s is %d ms", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

it.each(["1dd", "d", "1h1d", "1d-2h", "-1d"])("%s is no duration", (text) => {
  expect(() => durationMs(text)).toThrow("is no duration");
});

describe("a cluster's clock", { timeout: 120_000 }, () => {
  it("leaps: leases are taken up again, and the cluster works", async () => {
    await using cluster = await createCluster({ clock: "virtual", nodes: 1 });
    const leases = cluster.client.resource(resources.leases);
    const renewed = async (): Promise<number> =>
      Date.parse((await leases.get("node-1", { namespace: "kube-node-lease" })).spec?.renewTime ?? "");
    const before = cluster.clock.now();
    await cluster.clock.leap("400d");
    expect(cluster.clock.now() - before).toBe(400 * dayMs);
    await cluster.clock.advance("1m");
    expect(cluster.clock.now() - (await renewed())).toBeLessThanOrEqual(60_000);
    await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: nginx }] }
`);
    await cluster.until(async () => (await cluster.get("deployment", "web")).status?.["readyReplicas"] === 1);
  });

  it("leaps on a virtual clock only", async () => {
    await using cluster = await createCluster({ nodes: 0, controllers: "none" });
    await expect(cluster.clock.leap("1d")).rejects.toThrow('clock: "virtual"');
  });
});
