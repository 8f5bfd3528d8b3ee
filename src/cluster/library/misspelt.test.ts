import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await createCluster({ clock: "virtual", nodes: 0 });
}, 60_000);
afterAll(() => cluster.close());

/** As somebody would call it in JavaScript. */
const call = (owner: object, method: string, ...given: readonly unknown[]): unknown =>
  Reflect.apply(Reflect.get(owner, method), owner, given);

describe("what would never happen, or would hit what was not meant, is refused:", () => {
  it.each<[string, readonly unknown[], string | RegExp]>([
    ["add", [{ verb: "updat", error: "Conflict" }], /verb: "updat" is none; .* Did you mean "update"\?/],
    ["add", [{ verb: ["get", "LIST"], error: 500 }], /verb: "LIST" is none; .* Did you mean "list"\?/],
    ["add", [{ times: -1, error: "Conflict" }], "times: -1 is no number of times"],
    ["add", [{ times: "3", error: "Conflict" }], 'times: "3" is no number of times'],
    ["add", [{ after: 0.5, error: "Conflict" }], "after: 0.5 is no number of times"],
    ["add", [{ probability: 10, error: "Conflict" }], "probability: 10 is not between 0 and 1"],
    ["add", [{ error: "Conflct" }], 'Did you mean "Conflict"?'],
    ["addWebhook", [{ probability: -1, error: "NotJson" }], "probability: -1 is not between 0 and 1"],
    ["addWebhook", [{ times: -2, error: "NotJson" }], "times: -2 is no number of times"],
    ["fillDisk", [{ aftr: 3 }], 'Did you mean "after"?'],
    ["fillDisk", [{ after: -3 }], "after: -3 is no number of times"],
    ["dropWatches", [{ resurce: "pods" }], 'Did you mean "resource"?'],
    ["dropWatches", [{ resource: "pods" }, { expird: true }], 'Did you mean "expired"?'],
    ["random", [{ rate: "6" }], 'rate: "6" is no number of faults in a minute'],
  ])("faults.%s(...%j)", (method, given, message) => {
    expect(() => call(cluster.faults, method, ...given)).toThrow(message);
  });

  it.each<[string, readonly unknown[], string]>([
    ["crashController", ["deployment-controller", { afterWrite: 2 }], 'Did you mean "afterWrites"?'],
  ])("cluster.%s(...%j)", (method, given, message) => {
    expect(() => call(cluster, method, ...given)).toThrow(message);
  });

  it("cluster.until() with what is no option", async () => {
    await expect(call(cluster, "until", () => true, { timout: "5s" })).rejects.toThrow(
      'Did you mean "timeout"?',
    );
  });

  it("a script with what is no setting, by the names that scripts have here", () => {
    expect(() => call(cluster.pods, "script", {}, { exitAfter: "5s" })).toThrow(
      /there is no setting "exitAfter"; there are startDelay, startError, runDuration, /,
    );
  });

  it("and nothing that means something", () => {
    const { faults } = cluster;
    faults.add({ verb: ["*"], times: 0, probability: 0, error: "Gone" }).remove();
    faults.add({ verb: "delete*", times: Infinity, probability: 1, error: 418 }).remove();
    faults.fillDisk({ after: 0, times: 1 }).remove();
    expect(faults.dropWatches({ user: "nobody", namespace: "none" }, { expired: false })).toBe(0);
  });
});

describe("until() that gives up", () => {
  it("tells the newest events first, also of those that came in the same moment", async () => {
    for (const name of ["first", "second", "third"]) {
      await cluster.apply({
        apiVersion: "v1",
        kind: "Event",
        metadata: { name },
        involvedObject: { kind: "Pod", namespace: "default", name },
        reason: "Test",
        message: "",
        type: "Normal",
        lastTimestamp: new Date(cluster.clock.now()).toISOString(),
      });
    }
    const failure: unknown = await cluster
      .until(() => false, { timeout: "1s" })
      .catch((error: unknown) => error);
    const text = String(failure);
    expect(text.indexOf("default/third")).toBeGreaterThan(0);
    expect(text.indexOf("default/third")).toBeLessThan(text.indexOf("default/second"));
    expect(text.indexOf("default/second")).toBeLessThan(text.indexOf("default/first"));
    // There is nothing behind "false".
    expect(failure).not.toHaveProperty("cause");
  });
});
