import { describe, expect, it } from "vitest";
import { handOver } from "./migrate.ts";

const entry = (manager: string, operation: string, fieldsV1: Record<string, unknown>) => ({
  manager,
  operation,
  apiVersion: "v1",
  fieldsType: "FieldsV1",
  fieldsV1,
});

describe("handOver()", () => {
  it("gives the client's fields to the server-side manager and keeps all others", () => {
    const other = entry("controller", "Update", { "f:status": {} });
    const entries = [
      entry("kubectl-client-side-apply", "Update", { "f:data": { "f:a": {}, "f:b": {} } }),
      other,
      entry("kubectl", "Apply", { "f:data": { "f:a": {} } }),
    ];
    expect(handOver(entries, "kubectl")).toEqual([
      entry("kubectl", "Apply", { "f:data": { "f:a": {}, "f:b": {} } }),
      other,
    ]);
  });

  it("has nothing to do where the client never applied", () => {
    expect(handOver([entry("kubectl", "Apply", {})], "kubectl")).toBeUndefined();
    expect(handOver(undefined, "kubectl")).toBeUndefined();
  });
});
