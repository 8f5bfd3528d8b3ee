import { describe, expect, it } from "vitest";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { readinessOf } from "./readiness.ts";

function object(
  apiVersion: string,
  kind: string,
  spec: object,
  status: object,
  generation = 1,
): UnstructuredObject {
  return { apiVersion, kind, metadata: { name: "x", generation }, spec, status };
}

const condition = (type: string, reason = "") => ({ type, status: "True", reason });

describe("readinessOf()", () => {
  it.each([
    [
      "Deployment",
      "apps/v1",
      { replicas: 2 },
      { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
    ],
    ["Deployment", "apps/v1", { replicas: 0 }, { observedGeneration: 1 }],
    [
      "StatefulSet",
      "apps/v1",
      { replicas: 2 },
      { observedGeneration: 1, readyReplicas: 2, updatedReplicas: 2 },
    ],
    [
      "StatefulSet",
      "apps/v1",
      { replicas: 1, updateStrategy: { type: "OnDelete" } },
      { observedGeneration: 1, readyReplicas: 1 },
    ],
    ["DaemonSet", "apps/v1", {}, { observedGeneration: 1, desiredNumberScheduled: 1, numberAvailable: 1 }],
    ["Job", "batch/v1", {}, { conditions: [condition("Complete")] }],
    ["Pod", "v1", {}, { phase: "Running", conditions: [condition("Ready")] }],
    ["Pod", "v1", {}, { phase: "Succeeded" }],
    ["Service", "v1", { type: "ClusterIP" }, {}],
    ["Service", "v1", { type: "LoadBalancer" }, { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } }],
    ["ConfigMap", "v1", {}, {}],
  ])("%s is ready", (kind, apiVersion, spec, status) => {
    expect(readinessOf(object(apiVersion, kind, spec, status))).toMatchObject({ ready: true });
  });

  it.each([
    ["Deployment", "apps/v1", { replicas: 2 }, {}, "the controller to see it"],
    [
      "Deployment",
      "apps/v1",
      { replicas: 2 },
      { observedGeneration: 1, updatedReplicas: 1 },
      "1 of 2 new pods made",
    ],
    [
      "Deployment",
      "apps/v1",
      {},
      { observedGeneration: 1, replicas: 2, updatedReplicas: 1 },
      "1 old pods to end",
    ],
    [
      "Deployment",
      "apps/v1",
      {},
      { observedGeneration: 1, replicas: 1, updatedReplicas: 1 },
      "0 of 1 pods available",
    ],
    [
      "StatefulSet",
      "apps/v1",
      { replicas: 3 },
      { observedGeneration: 1, readyReplicas: 1 },
      "1 of 3 pods ready",
    ],
    ["Job", "batch/v1", {}, {}, "it to complete"],
    [
      "Pod",
      "v1",
      {},
      { phase: "Pending", containerStatuses: [{ state: { waiting: { reason: "ErrImagePull" } } }] },
      "ErrImagePull",
    ],
    ["Service", "v1", { type: "LoadBalancer" }, {}, "an address"],
  ])("%s waits", (kind, apiVersion, spec, status, waitingFor) => {
    expect(readinessOf(object(apiVersion, kind, spec, status))).toEqual({
      ready: false,
      failed: false,
      waitingFor,
    });
  });

  it.each([
    [
      "Deployment",
      "apps/v1",
      {
        observedGeneration: 1,
        conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }],
      },
    ],
    ["Job", "batch/v1", { conditions: [condition("Failed")] }],
    ["Pod", "v1", { phase: "Failed" }],
    ["PersistentVolumeClaim", "v1", { phase: "Lost" }],
  ])("%s will not become ready by waiting", (kind, apiVersion, status) => {
    expect(readinessOf(object(apiVersion, kind, {}, status))).toMatchObject({ ready: false, failed: true });
  });
});
