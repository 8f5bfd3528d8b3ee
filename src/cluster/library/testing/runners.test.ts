import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { resources } from "../../../client/resources.ts";
import { readArtifact } from "../../replay/artifact.ts";
import type { EmbeddedCluster } from "../embedded-cluster.ts";
import { useCluster } from "./jest.ts";
import { withCluster } from "./node-test.ts";
import { TestCluster } from "./test-cluster.ts";

const quick = { clock: "virtual", nodes: 0 } as const;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** All that was written to standard error from now on. */
function standardError(): () => string {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  return () => write.mock.calls.map(([text]) => String(text)).join("");
}

const isClosed = async (cluster: EmbeddedCluster): Promise<boolean> =>
  await cluster.client
    .resource(resources.nodes)
    .list()
    .then(
      () => false,
      () => true,
    );

describe("TestCluster", () => {
  it("writes the cluster of a test that failed, and of no other, where it is told to", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sampan-artifacts-"));
    try {
      vi.stubEnv("SAMPAN_ARTIFACTS", folder);
      await (await TestCluster.start(quick)).end();
      expect(readdirSync(folder)).toEqual([]);
      const told = await (await TestCluster.start({ ...quick, seed: 4 })).end({
        name: "it: works",
        error: new Error("no"),
      });
      const file = join(folder, "it-works-4.sampan");
      expect(told).toContain(`look into it: sampan replay ${file}`);
      expect((await readArtifact(file)).header).toMatchObject({
        test: "it: works",
        seed: 4,
        firstRevision: 0,
      });
      vi.stubEnv("SAMPAN_ARTIFACTS", join(file, "below"));
      const failed = { name: "x", error: new Error("no") };
      expect(await (await TestCluster.start(quick)).end(failed)).toContain(
        "its cluster could not be written to",
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("draws a seed, and takes the one that is given", async () => {
    const failed = { name: "x", error: new Error("no") };
    const drawn = await (await TestCluster.start(quick)).end(failed);
    expect(drawn).toMatch(/^sampan: "x" failed with seed \d+: SAMPAN_SEED=\d+ runs it again/);
    vi.stubEnv("SAMPAN_SEED", "17");
    expect(await (await TestCluster.start(quick)).end(failed)).toContain("SAMPAN_SEED=17 ");
    expect(await (await TestCluster.start({ ...quick, seed: 4 })).end(failed)).toContain("SAMPAN_SEED=4 ");
  });

  it("promises no repetition on the machine's own clock", async () => {
    const told = await (await TestCluster.start({ ...quick, clock: "real", seed: 4 })).end({
      name: "x",
      error: new Error("no"),
    });
    expect(told).toMatch(/^sampan: "x" failed with seed 4\nSAMPAN_ARTIFACTS=FOLDER keeps .*\n$/);
  });

  it("refuses a seed that is none", async () => {
    vi.stubEnv("SAMPAN_SEED", "many");
    await expect(TestCluster.start(quick)).rejects.toThrow("SAMPAN_SEED=many: a seed is a whole number");
  });
});

describe("withCluster", () => {
  // What a test of node:test is handed; the helper reads its name.
  const t = { name: "a test" } as TestContext;

  it("hands the test a cluster and closes it", async () => {
    const printed = standardError();
    let seen: EmbeddedCluster | undefined;
    await withCluster(quick, async (given, cluster) => {
      expect(given).toBe(t);
      seen = cluster;
      expect(await isClosed(cluster)).toBe(false);
    })(t);
    expect(seen !== undefined && (await isClosed(seen))).toBe(true);
    expect(printed()).toBe("");
  });

  it("needs no options", async () => {
    await withCluster((_, cluster) => expect(cluster.nodes.names()).toEqual(["node-1"]))(t);
  });

  it("tells of a failure, closes the cluster and lets the failure through", async () => {
    const printed = standardError();
    let seen: EmbeddedCluster | undefined;
    const failing = withCluster(quick, (_, cluster) => {
      seen = cluster;
      throw new Error("two and two are five");
    });
    await expect(failing(t)).rejects.toThrow("two and two are five");
    expect(printed()).toMatch(/"a test" failed with seed \d+/);
    expect(seen !== undefined && (await isClosed(seen))).toBe(true);
  });
});

describe("useCluster", () => {
  /** The globals of Jest, as far as they matter: `run` goes through the hooks as it does for one test. */
  function jest(): { run(body: () => Promise<void>): Promise<void> } {
    const hooks = { before: async () => {}, after: async () => {} };
    const running: { name: string; errors: unknown[] } = { name: "a test", errors: [] };
    vi.stubGlobal("beforeEach", (hook: () => Promise<void>) => (hooks.before = hook));
    vi.stubGlobal("afterEach", (hook: () => Promise<void>) => (hooks.after = hook));
    const state = Symbol("JEST_STATE_SYMBOL");
    return {
      async run(body) {
        Reflect.set(globalThis, state, { currentlyRunningTest: running });
        try {
          await hooks.before();
          await body().catch((error: unknown) => running.errors.push([error, new Error("where")]));
          await hooks.after();
        } finally {
          Reflect.deleteProperty(globalThis, state);
        }
      },
    };
  }

  it("gives each test a cluster and closes it", async () => {
    const runner = jest();
    const printed = standardError();
    const cluster = useCluster(quick);
    const seen: EmbeddedCluster[] = [];
    const body = async (): Promise<void> => void seen.push(cluster());
    await runner.run(body);
    await runner.run(body);
    expect(seen[0]).not.toBe(seen[1]);
    expect(await Promise.all(seen.map(isClosed))).toEqual([true, true]);
    expect(printed()).toBe("");
    expect(cluster).toThrow("the cluster is there while a test runs");
  });

  it("tells of a failure", async () => {
    const runner = jest();
    const printed = standardError();
    useCluster(quick);
    await runner.run(() => Promise.reject(new Error("no")));
    expect(printed()).toMatch(/"a test" failed with seed \d+/);
  });

  it("says what is missing outside of Jest", () => {
    expect(() => useCluster()).toThrow("useCluster needs Jest's beforeEach and afterEach as globals");
  });
});
