import { describe, expect } from "vitest";
import { account, manifest, test, untilReady } from "./fixtures.ts";

describe("the operator gets there", () => {
  test("when others write between its reading and its writing", async ({ cluster }) => {
    const fault = cluster.faults.add({
      user: account.name,
      verb: "update",
      resource: "sites.example.dev/status",
      times: 3,
      error: "Conflict",
    });
    await cluster.apply(manifest("site"));
    const site = await untilReady(cluster);
    expect(fault.hits).toBe(3);
    expect(site.status?.readyReplicas).toBe(2);
  });

  test("when every tenth of its requests fails, one way or another", async ({ cluster }) => {
    for (const error of ["InternalError", "TooManyRequests", "ServerTimeout"] as const) {
      cluster.faults.add({ user: account.name, probability: 0.1, error });
    }
    await cluster.apply(manifest("site"));
    await untilReady(cluster);
  });

  test("when what it hears comes late, and its watches break", async ({ cluster }) => {
    cluster.faults.add({ user: account.name, verb: "watch", delay: "5s" });
    cluster.faults.dropWatches({ user: account.name }, { expired: true });
    await cluster.apply(manifest("site"));
    await untilReady(cluster);
  });
});
