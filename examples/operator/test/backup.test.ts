import type { EmbeddedCluster } from "sampan";
import { type batchV1, resources } from "sampan/operator";
import { describe, expect } from "vitest";
import { test as base, blog, manifest, runOperator, untilReady } from "./fixtures.ts";

const names = async (cluster: EmbeddedCluster): Promise<(string | undefined)[]> =>
  (await cluster.list("jobs")).map(({ metadata }) => metadata.name);

describe("a night, with all that Kubernetes does in it", () => {
  const test = base.extend({
    clusterOptions: { clock: "virtual", nodes: 1, startTime: "2026-03-02T02:55:00Z" },
  });

  test("a backup runs when its hour has come, and the Site says so", async ({ cluster }) => {
    await cluster.apply(manifest("site"));
    await untilReady(cluster);
    expect(await names(cluster)).toEqual([]);
    await cluster.clock.advance("10m");
    expect(await names(cluster)).toEqual(["blog-backup-2026-03-02"]);
    expect((await blog(cluster)).status?.lastBackupTime).toMatch(/^2026-03-02T03:0/);
  });
});

describe("a week, with nothing but the API and the operator in it", () => {
  // Without nodes and controllers nobody sends heartbeats for seven days, and time passes fifty times faster.
  const test = base.extend({
    clusterOptions: {
      clock: "virtual",
      nodes: 0,
      controllers: "none",
      scheduler: false,
      startTime: "2026-03-02T12:00:00Z",
    },
  });

  /** What the Job controller would say; here it is for the test to say. */
  async function finish(cluster: EmbeddedCluster, job: batchV1.Job): Promise<void> {
    const now = new Date(cluster.clock.now()).toISOString();
    const isTrue = (type: string) => ({ type, status: "True", lastTransitionTime: now });
    const status = {
      startTime: now,
      completionTime: now,
      succeeded: 1,
      conditions: [isTrue("SuccessCriteriaMet"), isTrue("Complete")],
    };
    await cluster.client.resource(resources.jobs).updateStatus({ ...job, status });
  }

  async function passDay(cluster: EmbeddedCluster): Promise<void> {
    await cluster.clock.advance("24h");
    const { items } = await cluster.client.resource(resources.jobs).list();
    for (const job of items.filter(({ status }) => status?.succeeded === undefined))
      await finish(cluster, job);
  }

  test("makes seven backups, of which the last three are kept", async ({ cluster }) => {
    await cluster.apply(manifest("site"));
    for (let day = 1; day <= 7; day++) await passDay(cluster);
    await cluster.clock.settle();
    expect(await names(cluster)).toEqual([
      "blog-backup-2026-03-07",
      "blog-backup-2026-03-08",
      "blog-backup-2026-03-09",
    ]);
  });

  test("makes up by one for the nights that were missed", async ({ cluster, operator, dns }) => {
    await cluster.apply(manifest("site"));
    await cluster.clock.settle();
    await operator.stop();
    await cluster.clock.advance("72h");
    expect(await names(cluster)).toEqual([]);
    await using _ = await runOperator(cluster, dns);
    await cluster.clock.settle();
    expect(await names(cluster)).toEqual(["blog-backup-2026-03-05"]);
  });
});
