import { expect, test } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { emptyStatus } from "./empty-status.ts";

test.each([
  ["apps", "v1", "deployments", {}],
  [
    "policy",
    "v1",
    "poddisruptionbudgets",
    { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
  ],
  [
    "apps",
    "v1",
    "daemonsets",
    { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
  ],
  ["apps", "v1", "statefulsets", { availableReplicas: 0, replicas: 0 }],
  ["apps", "v1", "replicasets", { replicas: 0 }],
])("the status of %s/%s %s begins with the zeros that Go prints", (group, version, resource, status) => {
  const scheme = builtinScheme();
  const info = scheme.resource({ group, version, resource });
  if (info === undefined) throw new Error(`${resource} is not served`);
  expect(emptyStatus(scheme, info)).toEqual(status);
});
