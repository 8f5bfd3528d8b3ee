import { describe, expect, test } from "vitest";
import type { PodSpec } from "../../api/types/core-v1.ts";
import type { ContainerStatus, PodSandboxStatus } from "../../cri/runtime.ts";
import { newContainer, newPod } from "../testing/harness.ts";
import { type ProbeVerdicts, podActions } from "./actions.ts";

function sandbox(rest: Partial<PodSandboxStatus> = {}): PodSandboxStatus {
  const base = { id: "s0", name: "web", namespace: "default", uid: "u", attempt: 0, createdAtMs: 0 };
  return { ...base, state: "ready", ips: ["10.0.0.1"], labels: {}, annotations: {}, ...rest };
}

function container(
  name: string,
  state: ContainerStatus["state"],
  rest: Partial<ContainerStatus> = {},
): ContainerStatus {
  const times = { createdAtMs: 0, startedAtMs: 0, finishedAtMs: 0 };
  const texts = { reason: "", message: "", image: "", imageId: "", logPath: "" };
  const base = {
    id: `id-${name}`,
    sandboxId: "s0",
    name,
    attempt: 0,
    exitCode: 0,
    pid: 0,
    labels: {},
    annotations: {},
    mountedImageIds: [],
  };
  return { ...base, ...times, ...texts, state, ...rest };
}

const healthy: ProbeVerdicts = { failed: () => undefined, started: () => true };

function decide(
  spec: Partial<PodSpec>,
  containers: ContainerStatus[],
  probes = healthy,
  sandboxes = [sandbox()],
) {
  const { createSandbox, killSandboxes, kill, start } = podActions(
    newPod("web", spec),
    { sandboxes, containers },
    probes,
  );
  return {
    createSandbox,
    killSandboxes,
    kill: kill.map(({ message }) => message),
    start: start.map((entry) => entry.container.name),
  };
}

const nothing = { createSandbox: undefined, killSandboxes: false, kill: [], start: [] };
const two = { containers: [newContainer("a"), newContainer("b")] };
const withInit = { ...two, initContainers: [newContainer("i"), newContainer("j")] };
const withSidecar = {
  ...two,
  initContainers: [newContainer("s", { restartPolicy: "Always" }), newContainer("i")],
};

describe("sandboxes", () => {
  test.each([
    ["none yet", [], {}, [], { createSandbox: 0, killSandboxes: false }],
    ["one that died", [sandbox({ state: "notReady" })], {}, [], { createSandbox: 1, killSandboxes: true }],
    ["one without an address", [sandbox({ ips: [] })], {}, [], { createSandbox: 1, killSandboxes: true }],
    [
      "one without an address on the host network",
      [sandbox({ ips: [] })],
      { hostNetwork: true },
      [],
      { createSandbox: undefined, killSandboxes: false },
    ],
    [
      "one that died when all was done",
      [sandbox({ state: "notReady" })],
      { restartPolicy: "Never" },
      [container("app", "exited")],
      { createSandbox: undefined, killSandboxes: true },
    ],
  ])("%s", (_, sandboxes, spec, containers, expected) => {
    expect(decide(spec, containers, healthy, sandboxes)).toMatchObject(expected);
  });
});

describe("containers", () => {
  test.each<[string, Partial<PodSpec>, ContainerStatus[], object]>([
    ["all start in a new sandbox", two, [], { start: ["a", "b"] }],
    ["those that run are left alone", two, [container("a", "running"), container("b", "running")], {}],
    [
      "one that ended starts again",
      two,
      [container("a", "exited"), container("b", "running")],
      { start: ["a"] },
    ],
    [
      "one that was made but never started is made again",
      two,
      [container("a", "created"), container("b", "running")],
      { start: ["a"] },
    ],
    [
      "those of another sandbox do not count",
      two,
      [container("a", "exited", { sandboxId: "old" })],
      { start: ["a", "b"] },
    ],
    [
      "Never is never",
      { ...two, restartPolicy: "Never" },
      [container("a", "exited"), container("b", "exited", { exitCode: 1 })],
      {},
    ],
    [
      "OnFailure only after a failure",
      { ...two, restartPolicy: "OnFailure" },
      [container("a", "exited"), container("b", "exited", { exitCode: 1 })],
      { start: ["b"] },
    ],
    ["the first init container comes first", withInit, [], { start: ["i"] }],
    ["while it runs nothing else starts", withInit, [container("i", "running")], {}],
    ["then the second", withInit, [container("i", "exited")], { start: ["j"] }],
    ["one that failed starts again", withInit, [container("i", "exited", { exitCode: 1 })], { start: ["i"] }],
    [
      "but not when the pod never restarts",
      { ...withInit, restartPolicy: "Never" },
      [container("i", "exited", { exitCode: 1 })],
      {},
    ],
    [
      "then the app containers",
      withInit,
      [container("i", "exited"), container("j", "exited")],
      { start: ["a", "b"] },
    ],
    [
      "init containers do not run again once the app has begun",
      withInit,
      [container("a", "running"), container("b", "exited")],
      { start: ["b"] },
    ],
    ["a sidecar comes first and goes on", withSidecar, [container("s", "running")], { start: ["i"] }],
    [
      "a sidecar that ended starts again beside the app",
      withSidecar,
      [container("s", "exited"), container("a", "running"), container("b", "running")],
      { start: ["s"] },
    ],
  ])("%s", (_, spec, containers, expected) => {
    expect(decide(spec, containers)).toEqual({ ...nothing, ...expected });
  });

  test("what a sidecar's startup probe has not passed, nothing follows", () => {
    expect(decide(withSidecar, [container("s", "running")], { ...healthy, started: () => false })).toEqual(
      nothing,
    );
  });

  test("one that fails its probe, or whose image was changed, is killed", () => {
    const failing: ProbeVerdicts = {
      ...healthy,
      failed: (id) => (id === "id-a" ? { kind: "liveness" } : undefined),
    };
    const changed = container("b", "running", { annotations: { "io.kubernetes.container.hash": "other" } });
    expect(decide(two, [container("a", "running"), changed], failing)).toEqual({
      ...nothing,
      kill: [
        "Container a failed liveness probe, will be restarted",
        "Container b definition changed, will be restarted",
      ],
    });
  });
});
