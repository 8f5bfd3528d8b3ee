import { afterEach, describe, expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { newServiceUnavailable } from "../apimachinery/status.ts";
import { type ClusterEvent, eventLabel } from "./cluster-event.ts";
import { claim, node, pod } from "./testing/objects.ts";
import { TestScheduler } from "./testing/test-scheduler.ts";

const running: TestScheduler[] = [];

async function start(...objects: readonly KubernetesObject[]): Promise<TestScheduler> {
  const scheduler = await TestScheduler.start(...objects);
  running.push(scheduler);
  return scheduler;
}

afterEach(() => {
  for (const scheduler of running.splice(0)) scheduler.stop();
});

const attempts = (result: string): string =>
  `scheduler_schedule_attempts_total{profile="default-scheduler",result="${result}"}`;
const step = (point: string, status: string): string =>
  `scheduler_framework_extension_point_duration_seconds_count{extension_point="${point}",profile="default-scheduler",status="${status}"}`;
const incoming = (queue: string, event: string): string =>
  `scheduler_queue_incoming_pods_total{event="${event}",queue="${queue}"}`;
const pending = (queue: string): string => `scheduler_pending_pods{queue="${queue}"}`;

describe("metrics of the scheduler", () => {
  test("count a pod that was bound, and each step on the way", async () => {
    const scheduler = await start(node("a"), node("b"), pod("p"));
    const series = [
      attempts("scheduled"),
      'scheduler_scheduling_attempt_duration_seconds_count{profile="default-scheduler",result="scheduled"}',
      "scheduler_scheduling_algorithm_duration_seconds_count",
      'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"}',
      "scheduler_pod_scheduling_attempts_sum",
      ...["PreFilter", "Filter", "PreScore", "Score", "Reserve", "PreBind", "Bind"].map((point) =>
        step(point, "Success"),
      ),
      incoming("active", "UnschedulablePodAdd"),
      'scheduler_cache_size{type="pods"}',
    ];
    expect(series.map((each) => [each, scheduler.metric(each)])).toEqual(series.map((each) => [each, 1]));
    expect(scheduler.metric('scheduler_cache_size{type="nodes"}')).toBe(2);
    expect(scheduler.metric(pending("active"))).toBe(0);
  });

  test("count a pod that no node takes, and the attempt to make room", async () => {
    const scheduler = await start(
      node("a", { labels: { zone: "x" } }),
      pod("p", { spec: { nodeSelector: { zone: "y" } } }),
    );
    expect(scheduler.metric(attempts("unschedulable"))).toBe(1);
    expect(scheduler.metric("scheduler_preemption_attempts_total")).toBe(1);
    expect(scheduler.metric(step("PostFilter", "Unschedulable"))).toBe(1);
    expect(scheduler.metric(pending("unschedulable"))).toBe(1);
    expect(scheduler.metric(incoming("unschedulable", "ScheduleAttemptFailure"))).toBe(1);
    await scheduler.add(node("b", { labels: { zone: "y" } }));
    await scheduler.clock.advance(2000);
    await scheduler.settle();
    expect(scheduler.nodeOf("p")).toBe("b");
    expect(scheduler.metric(incoming("backoff", "NodeAdd"))).toBe(1);
    expect(scheduler.metric('scheduler_pod_scheduling_sli_duration_seconds_count{attempts="2"}')).toBe(1);
    expect(scheduler.metric(pending("unschedulable"))).toBe(0);
  });

  test("tell pods with gates from those that were tried", async () => {
    const scheduler = await start(node("a"), pod("p", { spec: { schedulingGates: [{ name: "x" }] } }));
    expect(scheduler.metric(pending("gated"))).toBe(1);
    expect(scheduler.metric(incoming("unschedulable", "UnschedulablePodAdd"))).toBe(1);
    expect(scheduler.metric(attempts("unschedulable"))).toBeUndefined();
  });

  test("count a binding that failed as an error", async () => {
    const scheduler = await start(node("a"));
    scheduler.transport.react(({ path }) => {
      if (path.endsWith("/binding")) throw newServiceUnavailable("down");
      return undefined;
    });
    await scheduler.add(pod("p"));
    expect(scheduler.metric(attempts("error"))).toBe(1);
    expect(scheduler.metric(step("Bind", "Error"))).toBe(1);
    expect(scheduler.metric(attempts("scheduled"))).toBeUndefined();
  });
});

describe("events bear kube-scheduler's labels", () => {
  const asked = claim("c");
  test.each<[ClusterEvent, string]>([
    [
      { type: "nodeUpdated", node: node("a"), changed: new Set(["labels", "unschedulable"]) },
      "NodeUpdateNodeTaint",
    ],
    [
      { type: "nodeUpdated", node: node("a"), changed: new Set(["labels", "allocatable"]) },
      "NodeUpdateNodeAllocatable",
    ],
    [{ type: "podGone", pod: pod("p") }, "AssignedPodDelete"],
    [{ type: "claimChanged", isNew: true, claim: asked }, "PersistentVolumeClaimAdd"],
    [{ type: "claimChanged", isNew: false, claim: asked }, "PersistentVolumeClaimUpdate"],
  ])("%o: %s", (event, label) => {
    expect(eventLabel(event)).toBe(label);
  });
});
