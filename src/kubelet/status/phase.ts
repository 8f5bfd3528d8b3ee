import type { ContainerStatus, Pod, PodStatus } from "../../api/types/core-v1.ts";
import { isSidecar, restartPolicyOf } from "../pods/pod-spec.ts";
import { hasStarted } from "./conditions.ts";

/**
 * The pod's phase, from the statuses of its containers. Mirrors getPhase in pkg/kubelet/kubelet_pods.go.
 * `ending`: the pod is being ended, so containers that have ended stay so.
 */
export function podPhase(
  pod: Pod,
  init: readonly ContainerStatus[],
  app: readonly ContainerStatus[],
  ending: boolean,
): "Pending" | "Running" | "Succeeded" | "Failed" {
  const policy = restartPolicyOf(pod);
  const regularInit = (pod.spec?.initContainers ?? []).filter((container) => !isSidecar(container));
  const initExits = regularInit.map(({ name }) => exitCodeOf(init.find((status) => status.name === name)));
  const initFailed = initExits.some((code) => code !== undefined && code !== 0);
  const begun = app.some(hasStarted);
  if (initFailed && (policy === "Never" || ending) && !begun) return "Failed";
  const initPending = initExits.some((code) => code !== 0) || sidecarsPending(pod, init);
  if (initPending && !begun) return ending ? "Failed" : "Pending";

  const running = app.filter(({ state }) => state?.running !== undefined).length;
  const exits = app.map(exitCodeOf);
  const stopped = exits.filter((code) => code !== undefined).length;
  if (app.length > running + stopped) return ending && running === 0 ? "Failed" : "Pending";
  if (running > 0) return "Running";
  const succeeded = exits.every((code) => code === 0);
  if (ending) return succeeded ? "Succeeded" : "Failed";
  if (app.some((status) => staysRestarting(pod, status))) return "Running";
  if (policy === "Always") return "Running";
  if (succeeded) return "Succeeded";
  return policy === "Never" ? "Failed" : "Running";
}

/** A container whose own policy or rules start it again, whatever the pod's policy. */
function staysRestarting(pod: Pod, status: ContainerStatus): boolean {
  const container = pod.spec?.containers.find(({ name }) => name === status.name);
  const code = exitCodeOf(status) ?? 0;
  const rule = container?.restartPolicyRules?.find(({ exitCodes }) => {
    const listed = exitCodes?.values?.includes(code) ?? false;
    return exitCodes !== undefined && listed === (exitCodes.operator === "In");
  });
  if (rule?.action === "Restart") return true;
  return container?.restartPolicy === "Always" || (container?.restartPolicy === "OnFailure" && code !== 0);
}

function sidecarsPending(pod: Pod, init: readonly ContainerStatus[]): boolean {
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar);
  return sidecars.some(({ name }) => init.find((status) => status.name === name)?.started !== true);
}

/** Of a container that has ended, or waits to be started again. */
function exitCodeOf(status: ContainerStatus | undefined): number | undefined {
  if (status?.state?.running !== undefined) return undefined;
  return (status?.state?.terminated ?? status?.lastState?.terminated)?.exitCode;
}

/** Whether the status says that the pod is over. */
export function hasEnded(
  status: PodStatus | undefined,
): status is PodStatus & { readonly phase: "Failed" | "Succeeded" } {
  return status?.phase === "Failed" || status?.phase === "Succeeded";
}
