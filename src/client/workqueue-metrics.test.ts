import { beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import type { Metric } from "../apimachinery/metrics.ts";
import { newWorkqueue, type Workqueue } from "./workqueue.ts";
import { WorkqueueMetrics } from "./workqueue-metrics.ts";

let clock: VirtualClock;
let registered: Metric[];
let metrics: WorkqueueMetrics;
let queue: Workqueue;

beforeEach(() => {
  clock = new VirtualClock();
  registered = [];
  metrics = new WorkqueueMetrics({ register: (metric) => registered.push(metric) }, () => clock.now());
  queue = newWorkqueue(clock, metrics.of("deployment"));
});

/** The number of a series without buckets, of the queue under test. */
function read(name: string): number | undefined {
  const prefix = `workqueue_${name}{name="deployment"} `;
  const line = registered.flatMap((metric) => metric.lines()).find((each) => each.startsWith(prefix));
  return line === undefined ? undefined : Number(line.slice(prefix.length));
}

describe("metrics of a workqueue", () => {
  it("count keys that need work, not those that wait already", async () => {
    for (const key of ["a", "b", "a"]) queue.add(key);
    expect([read("adds_total"), read("depth")]).toEqual([2, 2]);
    await queue.next();
    expect(read("depth")).toBe(1);
    // Worked on and needed again: it is waited for, though it cannot be taken yet.
    queue.add("a");
    expect([read("adds_total"), read("depth")]).toEqual([3, 2]);
  });

  it("tell how long keys waited and how long work on them took", async () => {
    queue.add("a");
    await clock.advance(2000);
    await queue.next();
    await clock.advance(500);
    expect(read("work_duration_seconds_count")).toBe(0);
    queue.done("a");
    expect([read("queue_duration_seconds_sum"), read("queue_duration_seconds_count")]).toEqual([2, 1]);
    expect([read("work_duration_seconds_sum"), read("work_duration_seconds_count")]).toEqual([0.5, 1]);
  });

  it("tell of work that does not end", async () => {
    queue.add("a");
    queue.add("b");
    await queue.next();
    await clock.advance(3000);
    await queue.next();
    await clock.advance(1000);
    expect(read("unfinished_work_seconds")).toBe(5);
    expect(read("longest_running_processor_seconds")).toBe(4);
    queue.done("a");
    queue.done("b");
    expect(read("unfinished_work_seconds")).toBe(0);
  });

  it("count what is to come back later", () => {
    queue.addAfter("a", 1000);
    queue.addRateLimited("a");
    expect([read("retries_total"), read("adds_total")]).toEqual([2, 0]);
  });

  it("add up queues of one name, and forget the keys of one that was shut down", () => {
    const other = newWorkqueue(clock, metrics.of("deployment"));
    queue.add("a");
    other.add("a");
    expect(read("depth")).toBe(2);
    other.shutDown();
    expect([read("depth"), read("adds_total")]).toEqual([1, 2]);
  });

  it("have the bounds of client-go's", () => {
    queue.add("a");
    const lines = registered.flatMap((metric) => metric.lines());
    const bounds = lines.flatMap(
      (line) => /^workqueue_work_duration_seconds_bucket.*le="(.*)"/.exec(line)?.[1] ?? [],
    );
    expect(bounds.slice(0, 5)).toEqual([
      "1e-08",
      "1e-07",
      "1e-06",
      "9.999999999999999e-06",
      "9.999999999999999e-05",
    ]);
    expect(bounds.slice(-3)).toEqual(["1", "10", "+Inf"]);
  });
});
