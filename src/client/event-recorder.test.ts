import { beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "../api/types/core-v1.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import { newForbidden, newServiceUnavailable } from "../apimachinery/status.ts";
import { newClient } from "./client.ts";
import { type EventRecorder, newEventRecorder } from "./event-recorder.ts";
import { resources } from "./resources.ts";
import { FakeTransport } from "./testing/fake-transport.ts";

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web-0", namespace: "shop", uid: "u1", resourceVersion: "5" },
  spec: { containers: [] },
};

let clock: VirtualClock;
let transport: FakeTransport;
let recorder: EventRecorder;

beforeEach(() => {
  clock = new VirtualClock();
  transport = new FakeTransport({ clock });
  recorder = newEventRecorder({
    client: newClient(transport),
    clock,
    random: new SeededRandom(1),
    component: "kubelet",
    host: "n1",
  });
});

const events = () => transport.list(resources.events);

describe("event()", () => {
  it("writes an event about the object into its namespace", async () => {
    recorder.event(pod, "Normal", "Started", "Started container web", "spec.containers{web}");
    await clock.advance(0);
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({
      metadata: { namespace: "shop", name: expect.stringMatching(/^web-0\.[0-9a-f]{16}$/) },
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        name: "web-0",
        namespace: "shop",
        uid: "u1",
        resourceVersion: "5",
        fieldPath: "spec.containers{web}",
      },
      reason: "Started",
      message: "Started container web",
      type: "Normal",
      count: 1,
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:00:00Z",
      source: { component: "kubelet", host: "n1" },
      reportingComponent: "kubelet",
      reportingInstance: "n1",
    });
  });

  it("puts events of cluster-scoped objects into the default namespace", async () => {
    recorder.event(
      { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } },
      "Normal",
      "NodeReady",
      "ready",
    );
    await clock.advance(0);
    expect(events()[0]?.metadata.namespace).toBe("default");
  });

  it("counts the same event up", async () => {
    for (let round = 0; round < 3; round++) {
      recorder.event(pod, "Warning", "BackOff", "Back-off restarting");
      await clock.advance(60_000);
    }
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({
      count: 3,
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:02:00Z",
    });
  });

  it("makes the event anew when it has expired on the server", async () => {
    recorder.event(pod, "Normal", "Pulled", "pulled");
    await clock.advance(0);
    transport.remove(resources.events, events()[0]?.metadata.name ?? "", "shop");
    recorder.event(pod, "Normal", "Pulled", "pulled");
    await clock.advance(0);
    expect(events()[0]?.count).toBe(2);
  });

  it("combines events that differ by message only, from the tenth on", async () => {
    for (let number = 0; number < 12; number++) recorder.event(pod, "Warning", "Failed", `try ${number}`);
    await clock.advance(0);
    expect(events()).toHaveLength(10);
    expect(events().find(({ count }) => count === 3)?.message).toBe("(combined from similar events): try 11");
  });

  it("drops what a source says too often about one object, and lets one through per five minutes", async () => {
    for (let number = 0; number < 30; number++) {
      recorder.event(pod, "Normal", `Reason${number}`, "x");
    }
    await clock.advance(0);
    expect(events()).toHaveLength(25);
    await clock.advance(300_000);
    recorder.event(pod, "Normal", "Late", "x");
    recorder.event(pod, "Normal", "Later", "x");
    await clock.advance(0);
    expect(events()).toHaveLength(26);
  });

  it("tries again while the server is silent, and gives up when it refuses", async () => {
    let error: Error = newServiceUnavailable("down");
    const restore = transport.react(() => {
      throw error;
    });
    recorder.event(pod, "Normal", "A", "x");
    await clock.advance(1000);
    restore();
    await clock.advance(20_000);
    expect(events().map(({ reason }) => reason)).toEqual(["A"]);
    error = newForbidden({ group: "", resource: "events" }, "", "no");
    const again = transport.react(() => {
      throw error;
    });
    recorder.event(pod, "Normal", "B", "x");
    await clock.advance(60_000);
    again();
    await clock.advance(60_000);
    expect(events()).toHaveLength(1);
  });

  it("tries no more when it has ended, and writes what it can at once", async () => {
    const ending = new AbortController();
    const random = new SeededRandom(1);
    const client = newClient(transport);
    const ended = newEventRecorder({ client, clock, random, component: "kubelet", signal: ending.signal });
    const restore = transport.react(() => {
      throw newServiceUnavailable("down");
    });
    ended.event(pod, "Normal", "A", "x");
    ended.event(pod, "Normal", "B", "x");
    await clock.advance(1);
    expect(clock.nextTimerMs).toBeDefined();
    ending.abort();
    await clock.advance(0);
    expect(clock.nextTimerMs).toBeUndefined();
    restore();
    ended.event(pod, "Normal", "C", "x");
    await clock.advance(60_000);
    expect(events().map(({ reason }) => reason)).toEqual(["C"]);
  });

  it("never throws and drops when too many are pending", async () => {
    const restore = transport.react(() => {
      throw newServiceUnavailable("down");
    });
    for (let number = 0; number < 3000; number++) {
      recorder.event({ ...pod, metadata: { ...pod.metadata, name: `p${number}` } }, "Normal", "A", "x");
    }
    restore();
    await clock.advance(60_000);
    // The first is being written while a thousand wait behind it.
    expect(events()).toHaveLength(1001);
  });

  it("cuts messages that validation would refuse", async () => {
    recorder.event(pod, "Normal", "A", "x".repeat(2000));
    await clock.advance(0);
    expect(events()[0]?.message).toHaveLength(1024);
  });
});

it("forComponent() names another source", async () => {
  recorder.forComponent("default-scheduler").event(pod, "Normal", "Scheduled", "assigned");
  await clock.advance(0);
  expect(events()[0]?.source).toEqual({ component: "default-scheduler" });
  expect(events()[0]?.reportingInstance).toBe("");
});
