import { describe, expect, test } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import { Priority } from "./priority.ts";
import { attributesOf, podWith, run, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const priorityClass = (name: string, value: number, rest: object = {}) => ({
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name },
  value,
  ...rest,
});
const resource = "priorityclasses.scheduling.k8s.io";
const pluginWith = (...classes: ReturnType<typeof priorityClass>[]) =>
  new Priority({ reader: new FakeReader().put(resource, ...classes), nowMs: () => 0 });

const high = priorityClass("high", 1000);
const polite = priorityClass("polite", 10, { preemptionPolicy: "Never" });
const standard = priorityClass("standard", 5, { globalDefault: true });

describe("Priority", () => {
  test.each<[string, ReturnType<typeof priorityClass>[], object, object]>([
    ["without any class", [], {}, { priority: 0, preemptionPolicy: "PreemptLowerPriority" }],
    [
      "of its class",
      [high],
      { priorityClassName: "high" },
      { priority: 1000, preemptionPolicy: "PreemptLowerPriority" },
    ],
    [
      "of a class that never preempts",
      [polite],
      { priorityClassName: "polite" },
      { priority: 10, preemptionPolicy: "Never" },
    ],
    ["of the default class", [standard, high], {}, { priority: 5, priorityClassName: "standard" }],
    [
      "of the lowest of two default classes",
      [standard, priorityClass("a", 1, { globalDefault: true })],
      {},
      { priority: 1 },
    ],
    ["of a system class", [], { priorityClassName: "system-node-critical" }, { priority: 2_000_001_000 }],
    [
      "that it states itself, rightly",
      [high],
      { priorityClassName: "high", priority: 1000 },
      { priority: 1000 },
    ],
  ])("a pod has the priority %s", async (_what, classes, spec, expected) => {
    const attributes = attributesOf({ object: podWith(spec) });
    await run(pluginWith(...classes), attributes);
    expect((attributes.object as unknown as Pod).spec).toMatchObject(expected);
  });

  test.each<[string, object, string]>([
    [
      "of a class that is not there",
      { priorityClassName: "ghost" },
      'pods "web" is forbidden: no PriorityClass with name ghost was found',
    ],
    [
      "with another number",
      { priorityClassName: "high", priority: 7 },
      "the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name",
    ],
    [
      "with another policy",
      { priorityClassName: "high", preemptionPolicy: "Never" },
      "the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name",
    ],
  ])("a pod %s is refused", async (_what, spec, verdict) => {
    expect(await verdictOf(pluginWith(high), attributesOf({ object: podWith(spec) }))).toContain(verdict);
  });

  test("an update keeps what its client did not know of", async () => {
    const old = podWith({ priority: 5, preemptionPolicy: "Never" });
    const attributes = attributesOf({ operation: "UPDATE", object: podWith(), old });
    await run(pluginWith(), attributes);
    expect((attributes.object as unknown as Pod).spec).toMatchObject({
      priority: 5,
      preemptionPolicy: "Never",
    });
  });

  test.each([
    ["CREATE", "another", /PriorityClass standard is already marked as default. Only one default can exist/],
    ["UPDATE", "another", /already marked as default/],
    ["UPDATE", "standard", /^admitted$/],
  ] as const)("%s of %s as a second default", async (operation, name, verdict) => {
    const object = priorityClass(name, 1, { globalDefault: true });
    const attributes = attributesOf({ operation, resource, object, old: object });
    expect(await verdictOf(pluginWith(standard), attributes)).toMatch(verdict);
  });
});
