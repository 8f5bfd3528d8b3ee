import { describe, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import { MeasuredStorage } from "./measured-storage.ts";

describe("MeasuredStorage", () => {
  it("counts by operation and resource, as etcd's clients do", async () => {
    const metrics: Metric[] = [];
    const storage = new MeasuredStorage(new MemoryStorage(), new RealClock(), (metric) =>
      metrics.push(metric),
    );
    const key = "/registry/core/configmaps/default/a";
    const value = new Uint8Array([1]);
    const { revision } = await storage.txn([{ key, modRevision: 0 }], [{ type: "put", key, value }]);
    const next = await storage.txn([{ key, modRevision: revision }], [{ type: "put", key, value }]);
    await storage.get(key);
    await storage.list("/registry/core/configmaps/");
    await storage.txn([{ key, modRevision: next.revision }], [{ type: "delete", key }]);
    const text = metrics.flatMap((metric) => metric.lines()).join("\n");
    for (const operation of ["create", "update", "get", "list", "delete"]) {
      const labels = `{group="",operation="${operation}",resource="configmaps"}`;
      expect(text).toContain(`etcd_requests_total${labels} 1`);
      expect(text).toContain(`etcd_request_duration_seconds_count${labels} 1`);
    }
    for (const name of ["list", "list_fetched_objects", "list_evaluated_objects", "list_returned_objects"]) {
      expect(text).toContain(`apiserver_storage_${name}_total{group="",resource="configmaps"} 1`);
    }
    expect(text).not.toContain("etcd_request_errors_total{");
    await storage.close();
    await expect(storage.get(key)).rejects.toThrow(/closed/);
    expect(metrics.flatMap((metric) => metric.lines()).join("\n")).toContain(
      'etcd_request_errors_total{group="",operation="get",resource="configmaps"} 1',
    );
  });
});
