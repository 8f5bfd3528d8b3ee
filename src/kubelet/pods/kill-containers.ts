import type { Pod } from "../../api/types/core-v1.ts";
import type { ContainerStatus as RuntimeContainer } from "../../cri/runtime.ts";
import type { NodeContext } from "../node-context.ts";
import { GraceDeadline } from "./grace-deadline.ts";
import { allContainers, containerFieldPath, findContainer, type PodContainer } from "./pod-spec.ts";

/** What a container has at least between its stop signal and the kill, also when a hook used the time up. */
const stopMsMin = 2_000;

export interface KillRequest {
  readonly pod: Pod;
  readonly podIp: string;
  readonly deadline: GraceDeadline;
  /** As the Killing event says it; by default that the container is stopped. */
  readonly message?: string;
}

/**
 * Ends all running containers of a pod: app containers at once, then sidecars, the last to start first, so that each
 * outlives those that rely on it. Mirrors pkg/kubelet/kuberuntime/kuberuntime_termination_order.go.
 */
export async function killPodContainers(
  context: NodeContext,
  containers: readonly RuntimeContainer[],
  request: KillRequest,
): Promise<void> {
  const running = containers.filter(({ state }) => state === "running" || state === "unknown");
  const sidecars = allContainers(request.pod).filter(({ kind }) => kind === "sidecar");
  const order = sidecars.map(({ container }) => container.name).reverse();
  const others = running.filter(({ name }) => !order.includes(name));
  await Promise.all(others.map((container) => killContainer(context, container, request)));
  for (const name of order) {
    for (const container of running.filter((candidate) => candidate.name === name)) {
      await killContainer(context, container, request);
    }
  }
}

/** Runs the preStop hook, then stops the container; resolves when it has ended. */
export async function killContainer(
  context: NodeContext,
  container: RuntimeContainer,
  request: KillRequest,
): Promise<void> {
  const { pod, deadline, message = `Stopping container ${container.name}` } = request;
  const { events, runtime } = context.options;
  const entry = findContainer(pod, container.name);
  context.probes.quiet(container.id);
  events.event(
    pod,
    "Normal",
    "Killing",
    message,
    entry === undefined ? undefined : containerFieldPath(entry),
  );
  if (entry !== undefined && deadline.remainingMs() > 0) await runPreStop(context, entry, container, request);
  // A deadline brought forward meanwhile is passed on: the runtime takes the shorter of two stops.
  const unsubscribe = deadline.onShorten(() => {
    runtime.stopContainer(container.id, Math.max(stopMsMin, deadline.remainingMs())).catch(() => undefined);
  });
  try {
    await runtime.stopContainer(container.id, Math.max(stopMsMin, deadline.remainingMs()));
  } finally {
    unsubscribe();
    context.probes.forget(container.id);
  }
}

async function runPreStop(
  context: NodeContext,
  entry: PodContainer,
  container: RuntimeContainer,
  { pod, podIp, deadline }: KillRequest,
): Promise<void> {
  const handler = entry.container.lifecycle?.preStop;
  if (handler === undefined) return;
  const { signal, release } = deadline.signal();
  try {
    const target = { pod, container: entry.container, containerId: container.id, podIp };
    await Promise.race([context.hooks.run(handler, target, signal), rejectOn(signal)]);
  } catch (error) {
    if (signal.aborted) return;
    const { events, logger } = context.options;
    // What the hook printed may be secret: the event does not repeat it.
    events.event(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", containerFieldPath(entry));
    logger.debug("a preStop hook failed", { pod: pod.metadata.name, error: String(error) });
  } finally {
    release();
  }
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}
