import { afterEach, describe, expect, test } from "vitest";
import { Harness } from "./testing/harness.ts";

describe("the pages of a node", () => {
  let harness: Harness | undefined;
  afterEach(() => harness?.stop());

  async function pageOf(path: string): Promise<{ contentType: string; body: string } | undefined> {
    if (harness === undefined) {
      harness = new Harness();
      await harness.start();
      await harness.createPod("web");
      await harness.advance(5_000);
    }
    return await harness.kubelet.page(path);
  }

  test.each(["/healthz", "/healthz/ping", "/healthz/syncloop", "/healthz/"])("%s says ok", async (path) => {
    expect((await pageOf(path))?.body).toBe("ok");
  });

  test("/pods and /runningpods are lists of the node's pods", async () => {
    const pods = JSON.parse((await pageOf("/pods"))?.body ?? "");
    expect(pods).toMatchObject({ kind: "PodList", apiVersion: "v1", items: [{ metadata: { name: "web" } }] });
    const running = JSON.parse((await pageOf("/runningpods/"))?.body ?? "");
    expect(running.items).toMatchObject([
      {
        metadata: { name: "web", namespace: "default" },
        spec: { containers: [{ name: "app" }] },
        status: {},
      },
    ]);
  });

  test("/stats/summary and /configz are JSON", async () => {
    const page = await pageOf("/stats/summary");
    expect(page?.contentType).toBe("application/json");
    expect(JSON.parse(page?.body ?? "")).toMatchObject({ node: { nodeName: "node-1" } });
    expect(JSON.parse((await pageOf("/configz"))?.body ?? "")).toMatchObject({
      kubeletconfig: { maxPods: 110 },
    });
  });

  test("/metrics counts pods and containers, /metrics/resource what they use", async () => {
    const { body = "" } = (await pageOf("/metrics")) ?? {};
    expect(body).toContain('kubelet_node_name{node="node-1"} 1\n');
    expect(body).toContain("kubelet_running_pods 1\n");
    expect(body).toContain('kubelet_running_containers{container_state="running"} 1\n');
    expect((await pageOf("/metrics/resource"))?.body).toContain("node_memory_working_set_bytes ");
  });

  test.each(["/", "/metrics/cadvisor", "/logs/", "/run/a/b/c", "/toString"])(
    "%s is not there",
    async (path) => {
      expect(await pageOf(path)).toBeUndefined();
    },
  );
});
