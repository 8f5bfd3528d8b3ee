import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../api/types/core-v1.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import { type Client, newClient } from "../client/client.ts";
import { FakeTransport } from "../client/testing/fake-transport.ts";
import { type ControllerRegistration, enqueueSelf, resources, startOperator, watch } from "./operator.ts";

const configMap = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});

/** A cluster that is a table of objects, and time that stands still. */
function fakes(): { client: Client; clock: VirtualClock; random: SeededRandom } {
  const clock = new VirtualClock();
  return { client: newClient(new FakeTransport({ clock })), clock, random: new SeededRandom(1) };
}

/** Writes down what it is asked to reconcile. */
const writingDown = (seen: string[]): ControllerRegistration => ({
  name: "writer",
  setup: ({ informers }) => ({
    watches: [watch(informers.informer(resources.configmaps), enqueueSelf)],
    reconcile: async (key) => void seen.push(key),
  }),
});

describe("startOperator()", () => {
  it("works on what is there and on what comes, until it is stopped", async () => {
    const { client, clock, random } = fakes();
    const maps = client.resource(resources.configmaps);
    await maps.create(configMap("before"));
    const seen: string[] = [];
    const operator = await startOperator({
      name: "op",
      client,
      clock,
      random,
      controllers: [writingDown(seen)],
    });
    await clock.settle();
    expect(seen).toEqual(["default/before"]);
    await maps.create(configMap("after"));
    await clock.settle();
    expect(seen).toEqual(["default/before", "default/after"]);
    await operator.stop();
    await maps.create(configMap("late"));
    await clock.advance(60_000);
    expect(seen).toHaveLength(2);
  });

  it("works in the one process that leads, and in the next when that one stops", async () => {
    const { client, clock, random } = fakes();
    await client.resource(resources.configmaps).create(configMap("a"));
    const [first, second]: string[][] = [[], []];
    const start = (identity: string, seen: string[] = []) =>
      startOperator({
        name: "op",
        client,
        clock,
        random,
        controllers: [writingDown(seen)],
        leaderElection: { namespace: "default", identity },
      });
    const one = await start("one", first);
    await clock.advance(1_000);
    const two = await start("two", second);
    await clock.advance(60_000);
    expect([first, second]).toEqual([["default/a"], []]);
    await one.stop();
    await clock.advance(60_000);
    expect(second).toEqual(["default/a"]);
    await two.stop();
  });
});
