import { expect, test } from "vitest";
import type { Node } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { Harness } from "../testing/harness.ts";

/** A node at rest, whose looks at itself are counted. */
async function rest(counts: boolean) {
  let reads = 0;
  let revision = 0;
  const harness = new Harness(counts ? { revision: () => revision } : {});
  const { runtime } = harness;
  const status = runtime.status.bind(runtime);
  runtime.status = () => {
    reads++;
    return status();
  };
  await harness.start();
  await harness.advance(60_000);
  const before = reads;
  return { harness, reads: () => reads - before, change: () => void revision++ };
}

const node = (harness: Harness): Node | undefined => harness.transport.get(resources.nodes, "node-1");
const beat = (harness: Harness): string | undefined =>
  node(harness)?.status?.conditions?.find(({ type }) => type === "Ready")?.lastHeartbeatTime;

test("a node that counts its changes is not looked at while there are none, and tells of itself all the same", async () => {
  const { harness, reads, change } = await rest(true);
  const first = beat(harness);
  await harness.advance(100_000);
  expect(reads()).toBe(0);
  change();
  await harness.advance(20_000);
  expect(reads()).toBe(1);
  await harness.advance(300_000);
  expect(beat(harness)).not.toBe(first);
  await harness.stop();
});

test("a node whose object somebody else has changed is looked at, and put right", async () => {
  const { harness } = await rest(true);
  harness.transport.modify(resources.nodes, "node-1", ({ status }) => {
    if (status?.conditions !== undefined) status.conditions = [];
  });
  await harness.advance(20_000);
  expect(node(harness)?.status?.conditions?.map(({ type }) => type)).toContain("Ready");
  await harness.stop();
});

test("where nobody counts, it is looked at every ten seconds", async () => {
  const { harness, reads } = await rest(false);
  await harness.advance(100_000);
  expect(reads()).toBe(10);
  await harness.stop();
});
