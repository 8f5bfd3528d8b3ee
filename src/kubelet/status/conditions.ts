import type { ContainerStatus, Pod, PodCondition } from "../../api/types/core-v1.ts";
import { isSidecar } from "../pods/pod-spec.ts";
import { type RuntimeState, readySandbox } from "../pods/runtime-state.ts";

/**
 * The conditions that the kubelet owns, with the reasons and messages of Kubernetes. Mirrors
 * pkg/kubelet/status/generate.go.
 */
type Verdict = Pick<PodCondition, "status" | "reason" | "message">;

const yes: Verdict = { status: "True" };

/** In the order in which `kubectl describe` shows them. Transition times are left to the caller. */
export function ownConditions(
  pod: Pod,
  phase: string,
  statuses: { readonly init: readonly ContainerStatus[]; readonly app: readonly ContainerStatus[] },
  state: RuntimeState,
): PodCondition[] {
  const all = [...statuses.init, ...statuses.app];
  const sandbox = readySandbox(state);
  const hasNetwork = sandbox !== undefined && (pod.spec?.hostNetwork === true || sandbox.ips.length > 0);
  const containersReady = containersReadyVerdict(pod, phase, all);
  return [
    { type: "PodReadyToStartContainers", status: hasNetwork ? "True" : "False" },
    { type: "Initialized", ...initializedVerdict(pod, phase, all) },
    { type: "Ready", ...(containersReady.status === "True" ? gatesVerdict(pod) : containersReady) },
    { type: "ContainersReady", ...containersReady },
  ];
}

function containersReadyVerdict(pod: Pod, phase: string, statuses: readonly ContainerStatus[]): Verdict {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar);
  const names = [...sidecars, ...(pod.spec?.containers ?? [])].map(({ name }) => name);
  const unready = names.filter((name) => statuses.find((status) => status.name === name)?.ready !== true);
  if (unready.length === 0) return yes;
  return {
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: [${unready.join(" ")}]`,
  };
}

function gatesVerdict(pod: Pod): Verdict {
  const messages: string[] = [];
  for (const { conditionType } of pod.spec?.readinessGates ?? []) {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (condition === undefined) {
      messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    } else if (condition.status !== "True") {
      messages.push(
        `the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`,
      );
    }
  }
  if (messages.length === 0) return yes;
  return { status: "False", reason: "ReadinessGatesNotReady", message: messages.join(", ") };
}

function initializedVerdict(pod: Pod, phase: string, statuses: readonly ContainerStatus[]): Verdict {
  if (phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  const of = (name: string): ContainerStatus | undefined => statuses.find((status) => status.name === name);
  const begun = (pod.spec?.containers ?? []).some(({ name }) => hasStarted(of(name)));
  if (begun) return yes;
  const incomplete = (pod.spec?.initContainers ?? []).filter((container) => {
    const status = of(container.name);
    return isSidecar(container) ? status?.started !== true : status?.ready !== true;
  });
  if (incomplete.length === 0) return yes;
  return {
    status: "False",
    reason: "ContainersNotInitialized",
    message: `containers with incomplete status: [${incomplete.map(({ name }) => name).join(" ")}]`,
  };
}

/** Whether the container runs or has run. */
export function hasStarted(status: ContainerStatus | undefined): boolean {
  const { running, terminated } = status?.state ?? {};
  return running !== undefined || terminated !== undefined || status?.lastState?.terminated !== undefined;
}
