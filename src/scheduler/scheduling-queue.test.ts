import { beforeEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import type { Plugin } from "./framework.ts";
import { PodInfo } from "./pod-info.ts";
import { type QueuedPod, SchedulingQueue } from "./scheduling-queue.ts";
import { node, type PodOptions, pod } from "./testing/objects.ts";

let clock: VirtualClock;
let queue: SchedulingQueue;
let ready: number;

const wakesOnNodes: Plugin = { name: "Nodes", wakes: (event) => event.type === "nodeAdded" };

beforeEach(() => {
  clock = new VirtualClock();
  ready = 0;
  queue = new SchedulingQueue({ clock, plugins: [wakesOnNodes], onReady: () => ready++ });
});

const add = (name: string, options: PodOptions = {}): void => queue.set(new PodInfo(pod(name, options)));
const nodeAdded = { type: "nodeAdded", node: node("a") } as const;

function pop(): QueuedPod {
  const next = queue.pop();
  if (next === undefined) throw new Error("the queue is empty");
  return next;
}

describe("SchedulingQueue", () => {
  test("gives higher priority first, and equal priority in order of arrival", () => {
    add("a", { priority: 1 });
    add("b", { priority: 5 });
    add("c", { priority: 1 });
    add("d", { priority: 5 });
    expect(Array.from({ length: 4 }, () => pop().info.name)).toEqual(["b", "d", "a", "c"]);
    expect(queue.pop()).toBeUndefined();
    expect(ready).toBe(4);
  });

  test("keeps its order through thousands of arrivals and removals", () => {
    const random = new SeededRandom(3);
    const names: [string, number][] = Array.from({ length: 3000 }, (_, index) => [
      `p${index}`,
      Math.floor(random.next() * 20),
    ]);
    for (const [name, priority] of names) add(name, { priority });
    const kept = names.filter(([name], index) => {
      if (index % 3 > 0) return true;
      queue.remove(`pod-${name}`);
      return false;
    });
    const expected = kept.toSorted(([, a], [, b]) => b - a).map(([name]) => name);
    expect(kept.map(() => pop().info.name)).toEqual(expected);
  });

  test("a refused pod waits for an event that one of its plugins answers to", () => {
    add("a");
    queue.refuse(pop(), new Set(["Nodes"]));
    queue.notify({ type: "namespaceRelabeled", namespace: "x" });
    expect(queue.pop()).toBeUndefined();
    queue.notify(nodeAdded);
    expect(pop().info.name).toBe("a");
  });

  test("a pod that nothing but absence refused is woken by anything", () => {
    add("a");
    queue.refuse(pop(), new Set());
    queue.notify({ type: "namespaceRelabeled", namespace: "x" });
    expect(pop().info.name).toBe("a");
  });

  test("a woken pod in its backoff gives way to others, but does not let the scheduler idle", () => {
    add("a", { priority: 9 });
    queue.refuse(pop(), new Set(["Nodes"]));
    queue.notify(nodeAdded);
    add("b");
    expect(pop().info.name).toBe("b");
    expect(pop().info.name).toBe("a");
  });

  test("a pod that failed on an error waits out its backoff, which doubles up to ten seconds", async () => {
    add("a");
    for (const seconds of [1, 2, 4, 8, 10, 10]) {
      queue.retry(pop());
      await clock.advance(seconds * 1000 - 1);
      expect(queue.pop()).toBeUndefined();
      await clock.advance(1);
      expect(queue.hasReady).toBe(true);
    }
  });

  test("a pod with gates is kept apart until an update without them", () => {
    add("a", { spec: { schedulingGates: [{ name: "g" }] } });
    queue.notify(nodeAdded);
    expect(queue.pop()).toBeUndefined();
    add("a");
    expect(pop().info.name).toBe("a");
  });

  test("an update of a refused pod tries it again; of one that is being bound it only brings news", () => {
    add("a");
    const bound = pop();
    add("a", { labels: { k: "v" } });
    expect(queue.pop()).toBeUndefined();
    expect(bound.info.labels).toEqual({ k: "v" });
    queue.refuse(bound, new Set(["Nodes"]));
    add("a");
    expect(pop().info.name).toBe("a");
  });

  test("what was removed while it was tried does not come back", async () => {
    add("a");
    const queued = pop();
    queue.remove(queued.info.uid);
    queue.retry(queued);
    queue.refuse(queued, new Set());
    await clock.advance(600_000);
    expect(queue.pop()).toBeUndefined();
  });

  test("activate() skips all waiting", () => {
    add("a");
    queue.retry(pop());
    queue.activate("pod-a");
    expect(pop().info.name).toBe("a");
  });
});
