import { describe, expect, test } from "vitest";
import { qosClassOf } from "../../api/pod-qos.ts";
import type { ResourceRequirements } from "../../api/types/core-v1.ts";
import { newContainer, newPod } from "../testing/harness.ts";
import { containerResources, podResources } from "./qos.ts";

const pod = (...list: ResourceRequirements[]) =>
  newPod("web", { containers: list.map((resources, index) => newContainer(`c${index}`, { resources })) });

const full = { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1", memory: "1Gi" } };

test.each([
  [[{}], "BestEffort"],
  [[{ requests: { cpu: "0" } }], "BestEffort"],
  [[{ requests: { cpu: "1" } }], "Burstable"],
  [[full], "Guaranteed"],
  [[{ limits: full.limits }], "Guaranteed"],
  [[full, {}], "Burstable"],
  [[{ requests: { cpu: "500m", memory: "1Gi" }, limits: full.limits }], "Burstable"],
])("%j is %s", (list, expected) => {
  expect(qosClassOf(pod(...(list as ResourceRequirements[])).spec)).toBe(expected);
});

describe("cgroup numbers", () => {
  test.each([
    [{}, { cpuShares: 2, oomScoreAdj: 1000 }],
    [{ requests: { cpu: "250m", memory: "1Gi" } }, { cpuShares: 256, oomScoreAdj: 750 }],
    [
      { limits: { cpu: "500m", memory: "1Gi" } },
      {
        cpuShares: 512,
        cpuQuotaUs: 50_000,
        cpuPeriodUs: 100_000,
        memoryLimitBytes: 2 ** 30,
        oomScoreAdj: -997,
      },
    ],
    [
      { requests: { cpu: "1m" }, limits: { cpu: "1m" } },
      { cpuShares: 2, cpuQuotaUs: 1000, cpuPeriodUs: 100_000, oomScoreAdj: 999 },
    ],
    [
      { limits: { "hugepages-2Mi": "4Mi" } },
      { cpuShares: 2, oomScoreAdj: 1000, hugepageLimits: [{ pageSize: "2MB", limitBytes: 4 * 2 ** 20 }] },
    ],
  ])("of a container with %j", (resources: ResourceRequirements, expected) => {
    const whole = pod(resources);
    expect(containerResources(whole, newContainer("c0", { resources }), 4 * 2 ** 30)).toEqual(expected);
  });

  test("of a pod are the sum, or what an init container needs", () => {
    const spec = pod(full, full).spec;
    const init = newContainer("init", { resources: { limits: { cpu: "3", memory: "1Gi" } } });
    expect(podResources(newPod("web", { ...spec, initContainers: [init] }))).toEqual({
      cpuShares: 3072,
      cpuQuotaUs: 300_000,
      cpuPeriodUs: 100_000,
      memoryLimitBytes: 2 * 2 ** 30,
    });
    expect(podResources(pod(full, {}))).toEqual({ cpuShares: 1026 });
  });
});
