import { expect, test } from "vitest";
import type { Metric } from "../../apimachinery/metrics.ts";
import { registerFeatureMetrics } from "./feature-metrics.ts";

function shown(): string[] {
  const metrics: Metric[] = [];
  registerFeatureMetrics((metric) => void metrics.push(metric));
  return metrics.flatMap((metric) => metric.lines()).filter((line) => !line.startsWith("#"));
}

// As kube-apiserver 1.36.1 shows them.
test.each([
  ["ServerSideFieldValidation", undefined],
  ["ConsistentListFromCache", 'stage=""} 1'],
  ["APIServerIdentity", 'stage="BETA"} 1'],
  ["ClusterTrustBundle", 'stage="BETA"} 1'],
  ["CoordinatedLeaderElection", 'stage="BETA"} 0'],
  ["AllAlpha", 'stage="ALPHA"} 0'],
])("%s is shown by its stage, and whether it is on", (name, expected) => {
  const line = shown().find((each) => each.includes(`{name="${name}",`));
  expect(line).toBe(expected && `kubernetes_feature_enabled{name="${name}",${expected}`);
});

test("each feature is shown once", () => {
  const lines = shown();
  const names = new Set(lines.map((line) => /name="(\w+)"/.exec(line)?.[1]));
  expect(lines).toHaveLength(242);
  expect(names.size).toBe(242);
});
