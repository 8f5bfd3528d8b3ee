const { StatusError } = require("sampan");
const { useCluster } = require("sampan/jest");

const cluster = useCluster({ clock: "virtual", nodes: 1 });

test("a cluster", async () => {
  expect(cluster().nodes.names()).toEqual(["node-1"]);
  await cluster().clock.advance("10m");
  await expect(cluster().get("pod", "none")).rejects.toThrow(StatusError);
});

test("a failure", () => {
  expect(cluster().nodes.names()).toEqual([]);
});
