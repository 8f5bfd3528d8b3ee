import type { TableRowCondition } from "../scheme.ts";
import type { ContainerStatus, Pod } from "../types/core-v1.ts";
import { age, ageColumn, nameColumn, printer, text, wide } from "./column.ts";
import { timeSince } from "./duration.ts";

/** Mirrors printPod in pkg/printers/internalversion/printers.go: the phase is told by what its containers do. */
interface Summary {
  reason: string;
  ready: number;
  restarts: number;
  /** The latest end of a container that was restarted; "" when none was. */
  lastRestart: string;
}

function isSidecar(pod: Pod, name: string): boolean {
  return pod.spec.initContainers?.find((container) => container.name === name)?.restartPolicy === "Always";
}

/** Timestamps are compared as instants; equal formats make that the order of the texts. */
function later(a: string, b: string | undefined): string {
  return b !== undefined && (a === "" || Date.parse(b) > Date.parse(a)) ? b : a;
}

function addRestarts(summary: Summary, status: ContainerStatus): void {
  summary.restarts += status.restartCount ?? 0;
  summary.lastRestart = later(summary.lastRestart, status.lastState?.terminated?.finishedAt);
}

function basicReason(pod: Pod): string {
  const gated = pod.status?.conditions?.some(
    ({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated",
  );
  if (gated === true) return "SchedulingGated";
  return pod.status?.reason || pod.status?.phase || "";
}

/** Why an init container holds the pod back; undefined when it does not. */
function initReason(pod: Pod, status: ContainerStatus, index: number): string | undefined {
  const { terminated, waiting } = status.state ?? {};
  if (terminated !== undefined) {
    if (terminated.exitCode === 0) return undefined;
    if (isSidecar(pod, status.name) && status.started === true) return undefined;
    if (terminated.reason) return `Init:${terminated.reason}`;
    return terminated.signal ? `Init:Signal:${terminated.signal}` : `Init:ExitCode:${terminated.exitCode}`;
  }
  if (isSidecar(pod, status.name) && status.started === true) return undefined;
  if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
  return `Init:${index}/${pod.spec.initContainers?.length ?? 0}`;
}

/** Looks at init containers in order, up to the first that has not done its part. */
function summarizeInit(pod: Pod, summary: Summary, sidecars: Summary): boolean {
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(pod, status.name);
    addRestarts(summary, status);
    if (sidecar) addRestarts(sidecars, status);
    const reason = initReason(pod, status, index);
    if (reason !== undefined) {
      summary.reason = reason;
      return true;
    }
    if (sidecar && status.ready && status.state?.terminated?.exitCode !== 0) summary.ready++;
  }
  return false;
}

function containerReason({ state }: ContainerStatus): string | undefined {
  const { waiting, terminated } = state ?? {};
  if (waiting?.reason) return waiting.reason;
  if (terminated === undefined) return undefined;
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

/** Looks at containers from the last to the first, so that the first one's trouble is what is shown. */
function summarizeContainers(pod: Pod, summary: Summary): void {
  let running = false;
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    addRestarts(summary, status);
    const reason = containerReason(status);
    if (reason !== undefined) {
      summary.reason = reason;
    } else if (status.ready && status.state?.running !== undefined) {
      running = true;
      summary.ready++;
    }
  }
  if (summary.reason === "Completed" && running) {
    summary.reason = hasCondition(pod, "Ready") ? "Running" : "NotReady";
  }
}

function hasCondition(pod: Pod, type: string): boolean {
  return (pod.status?.conditions ?? []).some(
    (condition) => condition.type === type && condition.status === "True",
  );
}

function summarize(pod: Pod): Summary {
  const summary: Summary = { reason: basicReason(pod), ready: 0, restarts: 0, lastRestart: "" };
  const sidecars: Summary = { reason: "", ready: 0, restarts: 0, lastRestart: "" };
  const initializing = summarizeInit(pod, summary, sidecars);
  if (!initializing || hasCondition(pod, "Initialized")) {
    summary.restarts = sidecars.restarts;
    summary.lastRestart = sidecars.lastRestart;
    summarizeContainers(pod, summary);
  }
  const phase = pod.status?.phase;
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (pod.status?.reason === "NodeLost") summary.reason = "Unknown";
    else if (phase !== "Succeeded" && phase !== "Failed") summary.reason = "Terminating";
  }
  return summary;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const passed = gates.filter(
    ({ conditionType }) =>
      pod.status?.conditions?.find(({ type }) => type === conditionType)?.status === "True",
  );
  return `${passed.length}/${gates.length}`;
}

function podCells(pod: Pod, nowMs: number): unknown[] {
  const { reason, ready, restarts, lastRestart } = summarize(pod);
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const total = (pod.spec.containers ?? []).length + sidecars.length;
  const since = restarts > 0 && lastRestart !== "" ? ` (${timeSince(lastRestart, nowMs)} ago)` : "";
  return [
    pod.metadata.name,
    `${ready}/${total}`,
    reason,
    `${restarts}${since}`,
    age(pod, nowMs),
    pod.status?.podIPs?.[0]?.ip || "<none>",
    pod.spec.nodeName || "<none>",
    pod.status?.nominatedNodeName || "<none>",
    readinessGates(pod),
  ];
}

function podConditions(pod: Pod): TableRowCondition[] {
  if (pod.status?.phase === "Succeeded") {
    return [
      {
        type: "Completed",
        status: "True",
        reason: "Succeeded",
        message: "The pod has completed successfully.",
      },
    ];
  }
  if (pod.status?.phase === "Failed") {
    return [{ type: "Completed", status: "True", reason: "Failed", message: "The pod failed." }];
  }
  return [];
}

export const podPrinter = printer<Pod>(
  [
    nameColumn,
    text("Ready", "How many of the containers are ready."),
    text("Status", "What the pod is doing, by the state of its containers."),
    text("Restarts", "How often containers were restarted, and when the last one was."),
    ageColumn,
    wide(text("IP", "The address of the pod.")),
    wide(text("Node", "The node that the pod is bound to.")),
    wide(text("Nominated Node", "The node that room is being made on for the pod.")),
    wide(text("Readiness Gates", "How many of the pod's readiness gates have passed.")),
  ],
  podCells,
  podConditions,
);
