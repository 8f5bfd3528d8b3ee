import { describe, expect, test } from "vitest";
import type { LimitRangeItem, Pod } from "../../api/types/core-v1.ts";
import { LimitRanger } from "./limit-ranger.ts";
import { attributesOf, coreObject, podWith, run, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const pluginWith = (...limits: LimitRangeItem[]) =>
  new LimitRanger({
    reader: new FakeReader().put("limitranges", coreObject("LimitRange", "limits", { spec: { limits } })),
    nowMs: () => 0,
  });
const podOf = (...resources: object[]) =>
  podWith({ containers: resources.map((each, index) => ({ name: `c${index}`, resources: each })) });

describe("LimitRanger", () => {
  test("fills in defaults and says so", async () => {
    const plugin = pluginWith({
      type: "Container",
      default: { cpu: "1", memory: "1Gi" },
      defaultRequest: { cpu: "500m" },
    });
    const pod = podWith({
      containers: [
        { name: "a", resources: { limits: { cpu: "2" } } },
        { name: "b", resources: { requests: { cpu: "1" }, limits: { cpu: "1", memory: "1" } } },
      ],
      initContainers: [{ name: "i" }],
    });
    const attributes = attributesOf({ object: pod });
    await run(plugin, attributes);
    const { spec, metadata } = attributes.object as unknown as Pod;
    expect(spec?.containers[0]?.resources).toEqual({
      limits: { cpu: "2", memory: "1Gi" },
      requests: { cpu: "500m" },
    });
    expect(spec?.containers[1]?.resources).toEqual({
      limits: { cpu: "1", memory: "1" },
      requests: { cpu: "1" },
    });
    expect(spec?.initContainers?.[0]?.resources).toEqual({
      limits: { cpu: "1", memory: "1Gi" },
      requests: { cpu: "500m" },
    });
    expect(metadata.annotations?.["kubernetes.io/limit-ranger"]).toBe(
      "LimitRanger plugin set: cpu request for container a; memory limit for container a; cpu request for init container i; cpu, memory limit for init container i",
    );
  });

  const container = (rest: object): LimitRangeItem => ({ type: "Container", ...rest });
  test.each<[string, LimitRangeItem, object[], string]>([
    ["at the minimum", container({ min: { cpu: "1" } }), [{ requests: { cpu: "1000m" } }], "admitted"],
    [
      "below the minimum",
      container({ min: { cpu: "1" } }),
      [{ requests: { cpu: "999m" } }],
      "minimum cpu usage per Container is 1, but request is 999m",
    ],
    [
      "limited below the minimum",
      container({ min: { cpu: "1" } }),
      [{ requests: { cpu: "1" }, limits: { cpu: "500m" } }],
      "minimum cpu usage per Container is 1, but limit is 500m",
    ],
    [
      "silent, with a minimum",
      container({ min: { cpu: "1" } }),
      [{}],
      "minimum cpu usage per Container is 1.  No request is specified",
    ],
    ["at the maximum", container({ max: { memory: "1Gi" } }), [{ limits: { memory: "1024Mi" } }], "admitted"],
    [
      "above the maximum",
      container({ max: { memory: "1Gi" } }),
      [{ limits: { memory: "2Gi" } }],
      "maximum memory usage per Container is 1Gi, but limit is 2Gi",
    ],
    [
      "asking above the maximum",
      container({ max: { memory: "1Gi" } }),
      [{ limits: { memory: "1Gi" }, requests: { memory: "2Gi" } }],
      "maximum memory usage per Container is 1Gi, but request is 2Gi",
    ],
    [
      "silent, with a maximum",
      container({ max: { memory: "1Gi" } }),
      [{}],
      "maximum memory usage per Container is 1Gi.  No limit is specified",
    ],
    [
      "within the ratio",
      container({ maxLimitRequestRatio: { cpu: "2" } }),
      [{ requests: { cpu: "1" }, limits: { cpu: "2" } }],
      "admitted",
    ],
    [
      "beyond the ratio",
      container({ maxLimitRequestRatio: { cpu: "2" } }),
      [{ requests: { cpu: "1" }, limits: { cpu: "3" } }],
      "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
    ],
    [
      "silent, with a ratio",
      container({ maxLimitRequestRatio: { cpu: "2" } }),
      [{}],
      "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
    ],
    [
      "two breaches",
      container({ min: { cpu: "1" }, max: { memory: "1Gi" } }),
      [{}],
      'pods "web" is forbidden: [minimum cpu usage per Container is 1.  No request is specified, maximum memory usage per Container is 1Gi.  No limit is specified]',
    ],
    [
      "pods count together",
      { type: "Pod", max: { cpu: "2" } },
      [{ limits: { cpu: "1" } }, { limits: { cpu: "1500m" } }],
      "maximum cpu usage per Pod is 2, but limit is 2500m",
    ],
    [
      "pods within",
      { type: "Pod", max: { cpu: "3" } },
      [{ limits: { cpu: "1" } }, { limits: { cpu: "1500m" } }],
      "admitted",
    ],
  ])("a container %s", async (_what, limit, resources, verdict) => {
    expect(await verdictOf(pluginWith(limit), attributesOf({ object: podOf(...resources) }))).toContain(
      verdict,
    );
  });

  const claimLimit: LimitRangeItem = {
    type: "PersistentVolumeClaim",
    min: { storage: "1Gi" },
    max: { storage: "2Gi" },
  };
  test.each([
    ["1Gi", "admitted"],
    ["500Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi"],
    ["3Gi", "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"],
  ])("a claim of %s: %s", async (storage, verdict) => {
    const object = coreObject("PersistentVolumeClaim", "c", {
      spec: { resources: { requests: { storage } } },
    });
    expect(await verdictOf(pluginWith(claimLimit), attributesOf({ object }))).toContain(verdict);
  });

  test("updates of pods are not measured, what they ask for cannot change", () => {
    const attributes = attributesOf({ operation: "UPDATE", object: podOf({}), old: podOf({}) });
    expect(pluginWith(claimLimit).handles(attributes)).toBe(false);
  });
});
