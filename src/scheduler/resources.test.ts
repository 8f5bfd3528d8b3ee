import { describe, expect, test } from "vitest";
import type { Container, PodSpec } from "../api/types/core-v1.ts";
import { addResources, defaultRequests, noResources, parseResources, podRequests } from "./resources.ts";

function container(cpu: string | undefined, memory?: string, sidecar = false): Container {
  const requests = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  return { name: "c", resources: { requests }, ...(sidecar ? { restartPolicy: "Always" } : {}) };
}

describe("podRequests()", () => {
  const table: { name: string; spec: PodSpec; milliCpu: number; memoryBytes?: number }[] = [
    { name: "containers add up", spec: { containers: [container("100m"), container("1")] }, milliCpu: 1100 },
    {
      name: "of init containers the largest counts",
      spec: { containers: [container("1")], initContainers: [container("2"), container("3")] },
      milliCpu: 3000,
    },
    {
      name: "each resource by itself",
      spec: { containers: [container("2", "1Gi")], initContainers: [container("1", "3Gi")] },
      milliCpu: 2000,
      memoryBytes: 3 * 2 ** 30,
    },
    {
      name: "a sidecar runs beside the containers",
      spec: { containers: [container("1")], initContainers: [container("500m", undefined, true)] },
      milliCpu: 1500,
    },
    {
      name: "and beside the init containers after it, not before it",
      spec: {
        containers: [container("100m")],
        initContainers: [container("3"), container("1", undefined, true), container("2500m")],
      },
      milliCpu: 3500,
    },
    {
      name: "overhead comes on top",
      spec: { containers: [container("1")], overhead: { cpu: "250m" } },
      milliCpu: 1250,
    },
    {
      name: "requests of the pod replace those of its containers",
      spec: { containers: [container("1", "1Gi")], resources: { requests: { cpu: "4" } } },
      milliCpu: 4000,
      memoryBytes: 2 ** 30,
    },
  ];
  for (const { name, spec, milliCpu, memoryBytes = 0 } of table) {
    test(`podRequests(): ${name}`, () => {
      expect(podRequests(spec)).toMatchObject({ milliCpu, memoryBytes });
    });
  }

  test("defaults stand in for what a container does not say", () => {
    const spec = { containers: [container("1"), container(undefined, "1Gi")] };
    expect(podRequests(spec, defaultRequests)).toMatchObject({
      milliCpu: 1100,
      memoryBytes: 2 ** 30 + 200 * 2 ** 20,
    });
  });
});

describe("parseResources()", () => {
  test("keeps extended resources apart and leaves out counts of pods", () => {
    const list = { cpu: "0.5", pods: "110", "example.com/gpu": "2", "hugepages-2Mi": "4Mi", storage: "1Gi" };
    expect(parseResources(list)).toEqual({
      milliCpu: 500,
      memoryBytes: 0,
      ephemeralStorageBytes: 0,
      scalars: new Map([
        ["example.com/gpu", 2],
        ["hugepages-2Mi", 4 * 2 ** 20],
      ]),
    });
  });

  test("what is added can be taken away", () => {
    const total = noResources();
    const some = parseResources({ cpu: "1", "example.com/gpu": "2" });
    addResources(total, some);
    addResources(total, some);
    addResources(total, some, -1);
    expect(total).toEqual(some);
  });
});
