import { afterEach, expect, it } from "vitest";
import type { ConfigMap } from "../api/types/core-v1.ts";
import { newServiceUnavailable } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { type ControllerRegistration, TerminalError } from "./controller.ts";
import { type ControllerRun, runControllers } from "./testing/run-controllers.ts";
import { enqueueSelf, watch } from "./watch.ts";

const configMap = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});

let run: ControllerRun | undefined;
afterEach(async () => {
  await run?.stop();
});

function controller(
  reconcile: (key: string) => Promise<{ requeueAfterMs?: number } | void>,
  name = "test-controller",
): ControllerRegistration {
  return {
    name,
    setup: ({ informers }) => ({
      reconcile,
      watches: [watch(informers.informer(resources.configmaps), enqueueSelf)],
    }),
  };
}

it("reconciles what exists and every change of it", async () => {
  const keys: string[] = [];
  run = runControllers([controller(async (key) => void keys.push(key))]);
  run.transport.seed(configMap("a"));
  await run.settle();
  run.transport.modify(resources.configmaps, "a", (map) => (map.data = { a: "1" }));
  await run.settle();
  run.transport.remove(resources.configmaps, "a");
  await run.settle();
  expect(keys).toEqual(["default/a", "default/a", "default/a"]);
});

it("waits for the caches before the first key", async () => {
  const keys: string[] = [];
  run = runControllers([controller(async (key) => void keys.push(key))]);
  const down = run.transport.react(() => {
    throw newServiceUnavailable("down");
  });
  run.transport.seed(configMap("a"));
  await run.settle(5_000);
  expect(keys).toEqual([]);
  down();
  await run.settle(30_000);
  expect(keys).toEqual(["default/a"]);
});

it("a failure is tried again with backoff until it succeeds", async () => {
  let tries = 0;
  run = runControllers([
    controller(async () => {
      if (++tries < 4) throw new Error("not yet");
    }),
  ]);
  run.transport.seed(configMap("a"));
  await run.settle(4);
  expect(tries).toBe(1);
  await run.settle(5 + 10 + 20);
  expect(tries).toBe(4);
  await run.settle(60_000);
  expect(tries).toBe(4);
});

it("a terminal error waits for the object to change", async () => {
  let tries = 0;
  run = runControllers([
    controller(async () => {
      tries++;
      throw new TerminalError("cannot be");
    }),
  ]);
  run.transport.seed(configMap("a"));
  await run.settle(60_000);
  expect(tries).toBe(1);
  run.transport.modify(resources.configmaps, "a", (map) => (map.data = { a: "1" }));
  await run.settle();
  expect(tries).toBe(2);
});

it("requeueAfterMs comes back at that time", async () => {
  let tries = 0;
  run = runControllers([controller(async () => (++tries === 1 ? { requeueAfterMs: 1000 } : undefined))]);
  run.transport.seed(configMap("a"));
  await run.settle(999);
  expect(tries).toBe(1);
  await run.settle(1);
  expect(tries).toBe(2);
});

it("a key that wakes itself without a pause has to pause after a hundred rounds", async () => {
  const rounds: string[] = [];
  run = runControllers([
    controller(async (key) => {
      rounds.push(key);
      if (key === "default/a")
        run?.transport.modify(
          resources.configmaps,
          "a",
          (map) => (map.data = { rounds: `${rounds.length}` }),
        );
    }),
  ]);
  const of = (name: string): number => rounds.filter((key) => key === `default/${name}`).length;
  run.transport.seed(configMap("a"));
  await run.settle(40);
  expect(of("a")).toBe(100);
  run.transport.seed(configMap("b"));
  await run.settle(5);
  expect([of("a"), of("b")]).toEqual([100, 1]);
  await run.settle(900);
  expect(of("a")).toBe(118);
});

it("one controller's fault leaves the others alone", async () => {
  const keys: string[] = [];
  run = runControllers([
    {
      name: "broken-controller",
      setup: () => {
        throw new Error("broken");
      },
    },
    controller(async (key) => void keys.push(key)),
  ]);
  run.transport.seed(configMap("a"));
  await run.settle();
  expect(keys).toEqual(["default/a"]);
  expect(run.manager.isRunning("broken-controller")).toBe(false);
});

it("stop() ends one by name, and start() takes up what it missed", async () => {
  const keys: string[] = [];
  run = runControllers([controller(async (key) => void keys.push(key))]);
  await run.settle();
  await run.manager.stop("test-controller");
  run.transport.seed(configMap("a"));
  await run.settle();
  expect(keys).toEqual([]);
  run.manager.start("test-controller");
  await run.settle();
  expect(keys).toEqual(["default/a"]);
  expect(() => run?.manager.start("no-such")).toThrow('no controller is named "no-such"');
});

it("idle() is false while a reconciler runs", async () => {
  const held = Promise.withResolvers<void>();
  run = runControllers([controller(() => held.promise)]);
  run.transport.seed(configMap("a"));
  await run.settle();
  expect(run.manager.idle()).toBe(false);
  held.resolve();
  await run.settle();
  expect(run.manager.idle()).toBe(true);
});
