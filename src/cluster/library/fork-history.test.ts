import { afterEach, describe, expect, it } from "vitest";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

const open: EmbeddedCluster[] = [];
afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close();
});
function opened(cluster: EmbeddedCluster): EmbeddedCluster {
  open.push(cluster);
  return cluster;
}

const settings = (color: string): string =>
  `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {color: ${color}}}`;

async function colors(cluster: EmbeddedCluster): Promise<unknown[]> {
  const changes = await cluster.history("cm/settings");
  return changes.map(({ change, request, after }) => [
    change,
    request?.verb,
    (after as { data?: { color?: string } } | undefined)?.data?.color,
  ]);
}

describe("the history of a fork", { timeout: 120_000 }, () => {
  it("is that of its parent up to the fork, and its own from there on", async () => {
    const parent = opened(await createCluster({ clock: "virtual", seed: 1, nodes: 0 }));
    await parent.apply(settings("red"));
    const marked = await parent.revision();
    await parent.apply(settings("blue"));
    await parent.delete("cm", "settings");
    const fork = opened(await parent.fork());
    await parent.apply(settings("white"));
    await fork.apply(settings("green"));
    const common = [
      ["created", "patch", "red"],
      ["changed", "patch", "blue"],
      ["deleted", "delete", undefined],
    ];
    expect(await colors(parent)).toEqual([...common, ["created", "patch", "white"]]);
    expect(await colors(fork)).toEqual([...common, ["created", "patch", "green"]]);
    const grandchild = opened(await fork.fork());
    await grandchild.rewind({ what: "cm/settings", to: marked });
    expect(await colors(grandchild)).toEqual([
      ...common,
      ["created", "patch", "green"],
      ["changed", "update", "red"],
    ]);
    expect(await colors(fork)).toHaveLength(4);
    const [difference] = await fork.diff({ what: "cm/settings", from: marked });
    expect(difference).toMatchObject({
      before: { data: { color: "red" } },
      after: { data: { color: "green" } },
    });
  });
});
