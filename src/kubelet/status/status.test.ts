import { describe, expect, test } from "vitest";
import type { ContainerState, ContainerStatus, PodSpec } from "../../api/types/core-v1.ts";
import { newContainer, newPod } from "../testing/harness.ts";
import { ownConditions } from "./conditions.ts";
import { podPhase } from "./phase.ts";

const running: ContainerState = { running: {} };
const waiting: ContainerState = { waiting: { reason: "ContainerCreating" } };
const ended = (exitCode: number): ContainerState => ({ terminated: { exitCode } });

function status(name: string, state: ContainerState, rest: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name, state, lastState: {}, ready: false, restartCount: 0, image: "", imageID: "", ...rest };
}

const crashed = (name: string, exitCode: number): ContainerStatus =>
  status(name, { waiting: { reason: "CrashLoopBackOff" } }, { lastState: ended(exitCode) });

const two: Partial<PodSpec> = { containers: [newContainer("a"), newContainer("b")] };

describe("the phase", () => {
  test.each<[string, boolean, ContainerStatus[], string]>([
    ["Always", false, [status("a", waiting), status("b", waiting)], "Pending"],
    ["Always", false, [status("a", running), status("b", waiting)], "Pending"],
    ["Always", false, [status("a", running), status("b", running)], "Running"],
    ["Always", false, [status("a", ended(0)), status("b", ended(0))], "Running"],
    ["Always", false, [crashed("a", 1), status("b", running)], "Running"],
    ["OnFailure", false, [status("a", ended(0)), status("b", ended(0))], "Succeeded"],
    ["OnFailure", false, [status("a", ended(0)), crashed("b", 1)], "Running"],
    ["Never", false, [status("a", ended(0)), status("b", running)], "Running"],
    ["Never", false, [status("a", ended(0)), status("b", ended(0))], "Succeeded"],
    ["Never", false, [status("a", ended(0)), status("b", ended(1))], "Failed"],
    ["Always", true, [status("a", ended(0)), status("b", ended(0))], "Succeeded"],
    ["Always", true, [status("a", ended(0)), status("b", ended(137))], "Failed"],
    ["Always", true, [status("a", waiting), status("b", waiting)], "Failed"],
  ])("with policy %s, ending %s, of %j is %s", (restartPolicy, ending, app, expected) => {
    expect(podPhase(newPod("web", { ...two, restartPolicy }), [], app, ending)).toBe(expected);
  });

  test.each<[string, ContainerStatus, string]>([
    ["Always", status("i", running), "Pending"],
    ["Always", crashed("i", 1), "Pending"],
    ["Never", status("i", ended(1)), "Failed"],
    ["Always", status("i", ended(0)), "Running"],
  ])("with policy %s and init container %j is %s", (restartPolicy, init, expected) => {
    const pod = newPod("web", { initContainers: [newContainer("i")], restartPolicy });
    const app = [status("app", init.state?.terminated?.exitCode === 0 ? running : waiting)];
    expect(podPhase(pod, [init], app, false)).toBe(expected);
  });

  test("is Pending while a sidecar has not started", () => {
    const pod = newPod("web", { initContainers: [newContainer("s", { restartPolicy: "Always" })] });
    const app = [status("app", waiting)];
    expect(podPhase(pod, [status("s", running, { started: false })], app, false)).toBe("Pending");
  });

  test("follows a container's own restart policy and rules", () => {
    const rule = { action: "Restart", exitCodes: { operator: "In", values: [42] } };
    const container = newContainer("app", { restartPolicy: "Never", restartPolicyRules: [rule] });
    const pod = newPod("web", { containers: [container], restartPolicy: "Never" });
    expect(podPhase(pod, [], [status("app", ended(42))], false)).toBe("Running");
    expect(podPhase(pod, [], [status("app", ended(1))], false)).toBe("Failed");
  });
});

describe("conditions", () => {
  const none = { sandboxes: [], containers: [] };
  const verdict = (type: string, ...args: Parameters<typeof ownConditions>) =>
    ownConditions(...args).find((condition) => condition.type === type);

  test.each([
    ["Succeeded", { status: "False", reason: "PodCompleted" }],
    ["Failed", { status: "False", reason: "PodFailed" }],
  ])("of a pod that is %s say so", (phase, expected) => {
    const args = [newPod("web", two), phase, { init: [], app: [] }, none] as const;
    expect(verdict("Ready", ...args)).toMatchObject(expected);
    expect(verdict("ContainersReady", ...args)).toMatchObject(expected);
  });

  test("name the containers that are not ready, sidecars among them", () => {
    const spec = { ...two, initContainers: [newContainer("s", { restartPolicy: "Always" })] };
    const app = [status("a", running, { ready: true }), status("b", running)];
    expect(
      verdict("ContainersReady", newPod("web", spec), "Running", { init: [status("s", running)], app }, none),
    ).toEqual({
      type: "ContainersReady",
      status: "False",
      reason: "ContainersNotReady",
      message: "containers with unready status: [s b]",
    });
  });

  test("a readiness gate that is not True is named", () => {
    const pod = newPod("web", { readinessGates: [{ conditionType: "x/y" }] });
    pod.status = { conditions: [{ type: "x/y", status: "False" }] };
    const app = [status("app", running, { ready: true })];
    expect(verdict("Ready", pod, "Running", { init: [], app }, none)?.message).toBe(
      'the status of pod readiness gate "x/y" is not "True", but False',
    );
  });
});
