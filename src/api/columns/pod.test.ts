import { expect, test } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { podPrinter } from "./pod.ts";

const nowMs = Date.parse("2026-01-01T01:00:00Z");

function pod(spec: object, status: object, metadata: object = {}): UnstructuredObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", creationTimestamp: "2026-01-01T00:00:00Z", ...metadata },
    spec: { containers: [{ name: "a" }], ...spec },
    status,
  };
}

const running = { name: "a", ready: true, restartCount: 0, state: { running: {} } };
const waiting = (reason: string): object => ({
  name: "a",
  ready: false,
  restartCount: 0,
  state: { waiting: { reason } },
});
const ended = (more: object): object => ({
  name: "a",
  ready: false,
  restartCount: 0,
  state: { terminated: more },
});
const init = { initContainers: [{ name: "i" }, { name: "j" }] };
const sidecar = { initContainers: [{ name: "s", restartPolicy: "Always" }] };

test.each([
  ["pending", pod({}, { phase: "Pending" }), "0/1", "Pending", "0"],
  ["running", pod({}, { phase: "Running", containerStatuses: [running] }), "1/1", "Running", "0"],
  [
    "one of two ready",
    pod(
      { containers: [{ name: "a" }, { name: "b" }] },
      { phase: "Running", containerStatuses: [running, { ...running, name: "b", ready: false }] },
    ),
    "1/2",
    "Running",
    "0",
  ],
  [
    "creating",
    pod({}, { phase: "Pending", containerStatuses: [waiting("ContainerCreating")] }),
    "0/1",
    "ContainerCreating",
    "0",
  ],
  [
    "crashing",
    pod({}, { phase: "Running", containerStatuses: [waiting("CrashLoopBackOff")] }),
    "0/1",
    "CrashLoopBackOff",
    "0",
  ],
  [
    "done",
    pod({}, { phase: "Succeeded", containerStatuses: [ended({ exitCode: 0, reason: "Completed" })] }),
    "0/1",
    "Completed",
    "0",
  ],
  [
    "failed",
    pod({}, { phase: "Failed", containerStatuses: [ended({ exitCode: 1, reason: "Error" })] }),
    "0/1",
    "Error",
    "0",
  ],
  [
    "failed without a reason",
    pod({}, { phase: "Failed", containerStatuses: [ended({ exitCode: 3 })] }),
    "0/1",
    "ExitCode:3",
    "0",
  ],
  [
    "killed without a reason",
    pod({}, { phase: "Failed", containerStatuses: [ended({ exitCode: 137, signal: 9 })] }),
    "0/1",
    "Signal:9",
    "0",
  ],
  ["evicted", pod({}, { phase: "Failed", reason: "Evicted" }), "0/1", "Evicted", "0"],
  [
    "gated",
    pod(
      {},
      {
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
      },
    ),
    "0/1",
    "SchedulingGated",
    "0",
  ],
  [
    "initializing",
    pod(init, {
      phase: "Pending",
      initContainerStatuses: [
        { name: "i", restartCount: 0, state: { terminated: { exitCode: 0 } } },
        { name: "j", restartCount: 0, state: { running: {} } },
      ],
      containerStatuses: [waiting("PodInitializing")],
    }),
    "0/1",
    "Init:1/2",
    "0",
  ],
  [
    "waiting to initialize",
    pod(init, {
      phase: "Pending",
      initContainerStatuses: [
        { name: "i", restartCount: 0, state: { waiting: { reason: "PodInitializing" } } },
      ],
    }),
    "0/1",
    "Init:0/2",
    "0",
  ],
  [
    "failing to initialize",
    pod(init, {
      phase: "Pending",
      initContainerStatuses: [
        { name: "i", restartCount: 2, state: { waiting: { reason: "CrashLoopBackOff" } } },
      ],
    }),
    "0/1",
    "Init:CrashLoopBackOff",
    "2",
  ],
  [
    "failed to initialize",
    pod(init, {
      phase: "Failed",
      initContainerStatuses: [{ name: "i", restartCount: 0, state: { terminated: { exitCode: 2 } } }],
    }),
    "0/1",
    "Init:ExitCode:2",
    "0",
  ],
  [
    "initialized, and only then starting",
    pod(init, {
      phase: "Pending",
      initContainerStatuses: [
        { name: "i", restartCount: 1, state: { terminated: { exitCode: 0 } } },
        { name: "j", restartCount: 1, state: { terminated: { exitCode: 0 } } },
      ],
      containerStatuses: [waiting("PodInitializing")],
    }),
    "0/1",
    "PodInitializing",
    "0",
  ],
  [
    "with a sidecar",
    pod(sidecar, {
      phase: "Running",
      initContainerStatuses: [
        { name: "s", restartCount: 3, ready: true, started: true, state: { running: {} } },
      ],
      containerStatuses: [running],
    }),
    "2/2",
    "Running",
    "3",
  ],
  [
    "completed, but not all of it",
    pod(
      { containers: [{ name: "a" }, { name: "b" }] },
      {
        phase: "Running",
        conditions: [{ type: "Ready", status: "False" }],
        containerStatuses: [ended({ exitCode: 0, reason: "Completed" }), { ...running, name: "b" }],
      },
    ),
    "1/2",
    "NotReady",
    "0",
  ],
  [
    "terminating",
    pod(
      {},
      { phase: "Running", containerStatuses: [running] },
      { deletionTimestamp: "2026-01-01T00:59:00Z" },
    ),
    "1/1",
    "Terminating",
    "0",
  ],
  [
    "terminated, and kept by a finalizer",
    pod(
      {},
      { phase: "Succeeded", containerStatuses: [ended({ exitCode: 0, reason: "Completed" })] },
      { deletionTimestamp: "2026-01-01T00:59:00Z" },
    ),
    "0/1",
    "Completed",
    "0",
  ],
  [
    "on a lost node",
    pod(
      {},
      { phase: "Running", reason: "NodeLost", containerStatuses: [running] },
      { deletionTimestamp: "2026-01-01T00:59:00Z" },
    ),
    "1/1",
    "Unknown",
    "0",
  ],
  [
    "restarted",
    pod(
      {},
      {
        phase: "Running",
        containerStatuses: [
          { ...running, restartCount: 4, lastState: { terminated: { finishedAt: "2026-01-01T00:55:00Z" } } },
        ],
      },
    ),
    "1/1",
    "Running",
    "4 (5m ago)",
  ],
])("a pod that is %s", (_, object, ready, status, restarts) => {
  expect(podPrinter.cells(object, nowMs).slice(0, 5)).toEqual(["web", ready, status, restarts, "60m"]);
});

test("wide output tells where the pod is and what it waits for", () => {
  const object = pod(
    { nodeName: "n1", readinessGates: [{ conditionType: "g" }, { conditionType: "h" }] },
    { podIPs: [{ ip: "10.0.0.1" }], conditions: [{ type: "g", status: "True" }], nominatedNodeName: "n2" },
  );
  expect(podPrinter.cells(object, nowMs).slice(5)).toEqual(["10.0.0.1", "n1", "n2", "1/2"]);
  expect(podPrinter.cells(pod({}, {}), nowMs).slice(5)).toEqual(["<none>", "<none>", "<none>", "<none>"]);
});

test("rows of pods that have ended are marked as completed", () => {
  const reasons = (phase: string): unknown =>
    podPrinter.conditions?.(pod({}, { phase })).map(({ type, reason }) => `${type} ${reason}`);
  expect(reasons("Running")).toEqual([]);
  expect(reasons("Succeeded")).toEqual(["Completed Succeeded"]);
  expect(reasons("Failed")).toEqual(["Completed Failed"]);
});
