import type { Container, EphemeralContainer, Pod } from "../../api/types/core-v1.ts";
import { fnv32a, stableStringify } from "../../apimachinery/hash.ts";

/** Reads of a pod's spec that several parts of the kubelet share. All are pure. */

export type ContainerKind = "init" | "sidecar" | "container" | "ephemeral";

export interface PodContainer {
  readonly kind: ContainerKind;
  readonly container: Container;
  /** Of an ephemeral container: whose processes it is to see. */
  readonly target?: string;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container | EphemeralContainer): boolean {
  return container.restartPolicy === "Always";
}

export function initContainers(pod: Pod): PodContainer[] {
  return (pod.spec?.initContainers ?? []).map((container) => ({
    kind: isSidecar(container) ? "sidecar" : "init",
    container,
  }));
}

export function appContainers(pod: Pod): PodContainer[] {
  return (pod.spec?.containers ?? []).map((container) => ({ kind: "container", container }));
}

export function ephemeralContainers(pod: Pod): PodContainer[] {
  return (pod.spec?.ephemeralContainers ?? []).map((container) => ({
    kind: "ephemeral",
    container,
    ...(container.targetContainerName ? { target: container.targetContainerName } : {}),
  }));
}

/** Init, app and ephemeral containers, in the order in which they start. */
export function allContainers(pod: Pod): PodContainer[] {
  return [...initContainers(pod), ...appContainers(pod), ...ephemeralContainers(pod)];
}

export function findContainer(pod: Pod, name: string): PodContainer | undefined {
  return allContainers(pod).find(({ container }) => container.name === name);
}

/** `web_default(3c1d…)`: how the kubelet's messages name a pod. */
export function formatPod(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

/** The part of the pod that an event is about: `spec.containers{web}`. */
export function containerFieldPath({ kind, container }: PodContainer): string {
  const list = {
    init: "initContainers",
    sidecar: "initContainers",
    container: "containers",
    ephemeral: "ephemeralContainers",
  };
  return `spec.${list[kind]}{${container.name}}`;
}

/** Changes when the container must be made anew: the image is all of it that may change in place. */
export function containerHash({ name, image }: Container): string {
  return fnv32a(stableStringify({ name, image })).toString(16);
}

export function restartPolicyOf(pod: Pod): string {
  return pod.spec?.restartPolicy ?? "Always";
}

/**
 * Whether an ended container is to start again. Mirrors pkg/kubelet/container ShouldContainerBeRestarted, and the
 * container's own policy and rules where it has them.
 */
export function shouldRestart(pod: Pod, { kind, container }: PodContainer, exitCode: number): boolean {
  if (kind === "ephemeral") return false;
  if (kind === "sidecar") return true;
  for (const { action, exitCodes } of container.restartPolicyRules ?? []) {
    const listed = exitCodes?.values?.includes(exitCode) ?? false;
    if (exitCodes !== undefined && listed === (exitCodes.operator === "In")) return action === "Restart";
  }
  const policy = container.restartPolicy ?? restartPolicyOf(pod);
  if (policy === "Never") return false;
  if (policy === "OnFailure" || kind === "init") return exitCode !== 0;
  return true;
}

/** How long the pod's containers have between the stop signal and the kill. */
export function graceSeconds(pod: Pod): number {
  const seconds = pod.metadata.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30;
  return Math.max(1, seconds);
}
