import { describe, expect, test } from "vitest";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { convertObject } from "./index.ts";

const convert = (object: UnstructuredObject, apiVersion: string): UnstructuredObject =>
  convertObject(object, { ...parseApiVersion(apiVersion), kind: object.kind });

test("an object that has the version already is returned as it is", () => {
  const pod: UnstructuredObject = { apiVersion: "v1", kind: "Pod", metadata: { name: "x" } };
  expect(convert(pod, "v1")).toBe(pod);
});

test("versions that differ by name only are renamed in a new object", () => {
  const beta: UnstructuredObject = {
    apiVersion: "networking.k8s.io/v1beta1",
    kind: "IPAddress",
    metadata: { name: "10.0.0.1" },
  };
  expect(convert(beta, "networking.k8s.io/v1")).toEqual({ ...beta, apiVersion: "networking.k8s.io/v1" });
  expect(beta.apiVersion).toBe("networking.k8s.io/v1beta1");
});

describe("events", () => {
  const core: UnstructuredObject = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "x", namespace: "ns" },
    action: "Binding",
    count: 3,
    eventTime: "2026-01-01T00:00:00.000000Z",
    firstTimestamp: "2026-01-01T00:00:00Z",
    involvedObject: { kind: "Pod", name: "web" },
    lastTimestamp: "2026-01-01T00:01:00Z",
    message: "hello",
    reason: "Scheduled",
    reportingComponent: "scheduler",
    reportingInstance: "scheduler-1",
    series: { count: 3, lastObservedTime: "2026-01-01T00:01:00.000000Z" },
    source: { component: "scheduler", host: "h" },
    type: "Normal",
  };

  test("in core become events of events.k8s.io", () => {
    expect(convert(core, "events.k8s.io/v1")).toEqual({
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: "x", namespace: "ns" },
      action: "Binding",
      deprecatedCount: 3,
      deprecatedFirstTimestamp: "2026-01-01T00:00:00Z",
      deprecatedLastTimestamp: "2026-01-01T00:01:00Z",
      deprecatedSource: { component: "scheduler", host: "h" },
      eventTime: "2026-01-01T00:00:00.000000Z",
      note: "hello",
      reason: "Scheduled",
      regarding: { kind: "Pod", name: "web" },
      reportingController: "scheduler",
      reportingInstance: "scheduler-1",
      series: { count: 3, lastObservedTime: "2026-01-01T00:01:00.000000Z" },
      type: "Normal",
    });
  });

  test("come back as they went", () => {
    expect(convert(convert(core, "events.k8s.io/v1"), "v1")).toEqual(core);
  });

  test("of events.k8s.io get what core always prints", () => {
    const event = { apiVersion: "events.k8s.io/v1", kind: "Event", metadata: { name: "x" }, note: "n" };
    expect(convert(event, "v1")).toEqual({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "x" },
      involvedObject: {},
      message: "n",
      reportingComponent: "",
      reportingInstance: "",
      source: {},
    });
  });
});

describe("horizontal pod autoscalers", () => {
  const cpu = (averageUtilization: number): object => ({
    type: "Resource",
    resource: { name: "cpu", target: { type: "Utilization", averageUtilization } },
  });
  const v2 = (spec: object, status: object = {}): UnstructuredObject => ({
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "x" },
    spec: { scaleTargetRef: { kind: "Deployment", name: "web" }, minReplicas: 1, maxReplicas: 5, ...spec },
    status: { currentReplicas: 2, desiredReplicas: 3, ...status },
  });

  test("of v1 keep their target as a metric", () => {
    const v1: UnstructuredObject = {
      apiVersion: "autoscaling/v1",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "x" },
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        maxReplicas: 5,
        targetCPUUtilizationPercentage: 50,
      },
    };
    expect(convert(v1, "autoscaling/v2")).toMatchObject({
      apiVersion: "autoscaling/v2",
      spec: { minReplicas: 1, maxReplicas: 5, metrics: [cpu(50)] },
    });
  });

  test("of v1 that have no replicas yet say nothing of them in v2", () => {
    const v1 = { ...v2({}, { currentReplicas: 0 }), apiVersion: "autoscaling/v1" };
    expect(convert(v1, "autoscaling/v2")).toMatchObject({ status: { desiredReplicas: 3 } });
    expect(convert(v1, "autoscaling/v2")).not.toHaveProperty("status.currentReplicas");
  });

  test("of v1 without a target aim at 80 percent", () => {
    const v1 = { ...v2({}), apiVersion: "autoscaling/v1" };
    expect(convert(v1, "autoscaling/v2")).toMatchObject({ spec: { metrics: [cpu(80)] } });
  });

  test("of v2 show the target of the processor in v1, and nothing of it in annotations", () => {
    const v1 = convert(v2({ metrics: [cpu(50)] }), "autoscaling/v1");
    expect(v1).toMatchObject({
      spec: { targetCPUUtilizationPercentage: 50 },
      status: { currentReplicas: 2 },
    });
    expect(v1.metadata.annotations).toBeUndefined();
  });

  test.each([
    [
      "pods",
      { type: "Pods", pods: { metric: { name: "m" }, target: { type: "AverageValue", averageValue: "1k" } } },
    ],
    [
      "object",
      {
        type: "Object",
        object: {
          describedObject: { kind: "Ingress", name: "i" },
          metric: { name: "m", selector: { matchLabels: { a: "b" } } },
          target: { type: "Value", value: "10" },
        },
      },
    ],
    [
      "external",
      {
        type: "External",
        external: { metric: { name: "m" }, target: { type: "AverageValue", averageValue: "3" } },
      },
    ],
    [
      "memory",
      {
        type: "Resource",
        resource: { name: "memory", target: { type: "AverageValue", averageValue: "1Gi" } },
      },
    ],
    [
      "one container",
      {
        type: "ContainerResource",
        containerResource: {
          name: "cpu",
          container: "c",
          target: { type: "Utilization", averageUtilization: 70 },
        },
      },
    ],
  ])("carry a metric of %s through v1", (_, metric) => {
    const object = v2({ metrics: [metric, cpu(50)] });
    const v1 = convert(object, "autoscaling/v1");
    expect(Object.keys(v1.metadata.annotations ?? {})).toEqual(["autoscaling.alpha.kubernetes.io/metrics"]);
    const back = convert(v1, "autoscaling/v2");
    expect(back).toMatchObject({ spec: { metrics: [metric, cpu(50)] } });
    expect(back.metadata.annotations).toBeUndefined();
  });

  test("carry behavior, conditions and current metrics through v1", () => {
    const object = v2(
      { metrics: [cpu(50)], behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } },
      {
        conditions: [{ type: "AbleToScale", status: "True" }],
        currentMetrics: [
          {
            type: "Resource",
            resource: { name: "cpu", current: { averageUtilization: 30, averageValue: "30m" } },
          },
        ],
      },
    );
    const v1 = convert(object, "autoscaling/v1");
    expect(v1).toMatchObject({ status: { currentCPUUtilizationPercentage: 30 } });
    expect(v1.metadata.annotations?.["autoscaling.alpha.kubernetes.io/behavior"]).toBe(
      '{"ScaleDown":{"StabilizationWindowSeconds":60}}',
    );
    const back = convert(v1, "autoscaling/v2");
    expect(back).toMatchObject({
      spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } },
      status: object["status"],
    });
  });

  test("with annotations that do not parse lose only what these held", () => {
    const v1: UnstructuredObject = {
      ...v2({ targetCPUUtilizationPercentage: 50 }),
      apiVersion: "autoscaling/v1",
      metadata: { name: "x", annotations: { mine: "1", "autoscaling.alpha.kubernetes.io/metrics": "{" } },
    };
    expect(convert(v1, "autoscaling/v2")).toMatchObject({
      metadata: { annotations: { mine: "1" } },
      spec: { metrics: [cpu(50)] },
    });
  });
});

describe("resource.k8s.io/v1beta1", () => {
  const exact = { deviceClassName: "gpu", count: 2, selectors: [{ cel: { expression: "true" } }] };

  test.each([
    ["ResourceClaim", (requests: object[]) => ({ devices: { requests } })],
    ["ResourceClaimTemplate", (requests: object[]) => ({ spec: { devices: { requests } } })],
  ])("%s writes what is asked for beside the name", (kind, spec) => {
    const beta = {
      apiVersion: "resource.k8s.io/v1beta1",
      kind,
      metadata: { name: "x" },
      spec: spec([
        { name: "r", ...exact },
        { name: "s", firstAvailable: [exact] },
      ]),
    };
    const v1 = convert(beta, "resource.k8s.io/v1");
    expect(v1["spec"]).toEqual(
      spec([
        { name: "r", exactly: exact },
        { name: "s", firstAvailable: [exact] },
      ]),
    );
    expect(convert(v1, "resource.k8s.io/v1beta1")).toEqual(beta);
  });

  test("ResourceSlice writes what a device is under basic", () => {
    const beta = {
      apiVersion: "resource.k8s.io/v1beta1",
      kind: "ResourceSlice",
      metadata: { name: "x" },
      spec: { driver: "d", devices: [{ name: "a", basic: { capacity: { memory: { value: "1Gi" } } } }] },
    };
    const v1 = convert(beta, "resource.k8s.io/v1");
    expect(v1["spec"]).toEqual({
      driver: "d",
      devices: [{ name: "a", capacity: { memory: { value: "1Gi" } } }],
    });
    expect(convert(v1, "resource.k8s.io/v1beta1")).toEqual(beta);
  });
});
