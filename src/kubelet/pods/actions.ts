import type { Pod } from "../../api/types/core-v1.ts";
import type { PodSandboxStatus, ContainerStatus as RuntimeContainer } from "../../cri/runtime.ts";
import {
  appContainers,
  containerHash,
  ephemeralContainers,
  initContainers,
  type PodContainer,
  restartPolicyOf,
  shouldRestart,
} from "./pod-spec.ts";
import { containerIn, type RuntimeState } from "./runtime-state.ts";

/** The label that tells whether a running container still is what the spec asks for. */
export const hashAnnotation = "io.kubernetes.container.hash";

/** What stands between the pod as it is and as it is to be. */
export interface PodActions {
  /** Ends everything in the sandboxes that exist, before anything starts. */
  readonly killSandboxes: boolean;
  /** Makes a sandbox with this attempt. */
  readonly createSandbox: number | undefined;
  readonly sandbox: PodSandboxStatus | undefined;
  readonly kill: readonly KillAction[];
  /** To start now, in order. Those behind an init container that is not done follow in a later round. */
  readonly start: readonly PodContainer[];
}

export interface KillAction {
  readonly container: RuntimeContainer;
  readonly entry: PodContainer | undefined;
  /** As the Killing event says it. */
  readonly message: string;
  /** A probe's own grace period; the pod's when undefined. */
  readonly graceSeconds?: number | undefined;
}

/** Probe verdicts that bear on running containers. */
export interface ProbeVerdicts {
  /** Undefined while the container may run on. */
  failed(
    containerId: string,
  ): { readonly kind: "startup" | "liveness"; readonly graceSeconds?: number | undefined } | undefined;
  /** Whether the container has passed its startup probe and hooks. */
  started(containerId: string): boolean;
}

/** Decides by level, from the pod and from what runs. Mirrors computePodActions of pkg/kubelet/kuberuntime. */
export function podActions(pod: Pod, state: RuntimeState, probes: ProbeVerdicts): PodActions {
  const [newest] = state.sandboxes;
  if (newest === undefined || sandboxChanged(pod, newest)) return renew(pod, state, newest);
  const start: PodContainer[] = [];
  const kill: KillAction[] = [];
  for (const entry of ephemeralContainers(pod)) {
    if (containerIn(state, newest.id, entry.container.name) === undefined) start.push(entry);
  }
  const initialized = initActions(pod, state, newest, probes, start, kill);
  if (initialized) appActions(pod, state, newest, probes, start, kill);
  return { killSandboxes: false, createSandbox: undefined, sandbox: newest, kill, start };
}

function sandboxChanged(pod: Pod, sandbox: PodSandboxStatus): boolean {
  return sandbox.state !== "ready" || (pod.spec?.hostNetwork !== true && sandbox.ips.length === 0);
}

/** A new sandbox, unless nothing would run in it any more. */
function renew(pod: Pod, state: RuntimeState, newest: PodSandboxStatus | undefined): PodActions {
  const attempt = newest === undefined ? 0 : newest.attempt + 1;
  const wanted = newest === undefined || someRunsAgain(pod, state);
  return {
    killSandboxes: newest !== undefined,
    createSandbox: wanted ? attempt : undefined,
    sandbox: undefined,
    kill: [],
    start: [],
  };
}

function someRunsAgain(pod: Pod, state: RuntimeState): boolean {
  if (restartPolicyOf(pod) === "Always") return true;
  return appContainers(pod).some((entry) => {
    const past = state.containers.find(({ name }) => name === entry.container.name);
    return past === undefined || past.state !== "exited" || shouldRestart(pod, entry, past.exitCode);
  });
}

/** Adds what init containers need; true once the app containers may run. */
function initActions(
  pod: Pod,
  state: RuntimeState,
  sandbox: PodSandboxStatus,
  probes: ProbeVerdicts,
  start: PodContainer[],
  kill: KillAction[],
): boolean {
  const begun = appContainers(pod).some(
    ({ container }) => containerIn(state, sandbox.id, container.name) !== undefined,
  );
  for (const entry of initContainers(pod)) {
    const found = containerIn(state, sandbox.id, entry.container.name);
    if (entry.kind === "sidecar") {
      const runs = sidecarActions(entry, found, probes, start, kill);
      if (!runs && !begun) return false;
    } else if (!begun && found?.state !== "exited") {
      if (found === undefined || found.state === "created") start.push(entry);
      return false;
    } else if (!begun && found?.exitCode !== 0) {
      if (shouldRestart(pod, entry, found?.exitCode ?? 0)) start.push(entry);
      return false;
    }
  }
  return true;
}

/** True when the sidecar is up, so that the next container may start. */
function sidecarActions(
  entry: PodContainer,
  found: RuntimeContainer | undefined,
  probes: ProbeVerdicts,
  start: PodContainer[],
  kill: KillAction[],
): boolean {
  if (found?.state !== "running") {
    start.push(entry);
    return false;
  }
  const reason = reasonToKill(entry, found, probes);
  if (reason === undefined) return probes.started(found.id);
  kill.push(reason);
  return false;
}

function appActions(
  pod: Pod,
  state: RuntimeState,
  sandbox: PodSandboxStatus,
  probes: ProbeVerdicts,
  start: PodContainer[],
  kill: KillAction[],
): void {
  for (const entry of appContainers(pod)) {
    const found = containerIn(state, sandbox.id, entry.container.name);
    if (found === undefined || found.state === "created" || found.state === "unknown") start.push(entry);
    else if (found.state === "exited") {
      if (shouldRestart(pod, entry, found.exitCode)) start.push(entry);
    } else {
      const reason = reasonToKill(entry, found, probes);
      if (reason !== undefined) kill.push(reason);
    }
  }
}

function reasonToKill(
  entry: PodContainer,
  container: RuntimeContainer,
  probes: ProbeVerdicts,
): KillAction | undefined {
  const { name } = entry.container;
  const hash = container.annotations[hashAnnotation];
  if (hash !== undefined && hash !== containerHash(entry.container)) {
    return { container, entry, message: `Container ${name} definition changed, will be restarted` };
  }
  const failed = probes.failed(container.id);
  if (failed === undefined) return undefined;
  const { kind, graceSeconds } = failed;
  return {
    container,
    entry,
    graceSeconds,
    message: `Container ${name} failed ${kind} probe, will be restarted`,
  };
}
