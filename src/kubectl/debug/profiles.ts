import type { Container, EphemeralContainer, Pod, SecurityContext } from "../../api/types/core-v1.ts";
import { KubectlError } from "../errors.ts";

export type DebugTarget = "ephemeral" | "copy" | "node";

/** What a profile may keep of the pod that is copied. */
export interface KeptParts {
  readonly labels: boolean;
  readonly annotations: boolean;
  readonly liveness: boolean;
  readonly readiness: boolean;
  readonly startup: boolean;
  readonly initContainers: boolean;
}

type DebugContainer = Container | EphemeralContainer;

export const profileNames = ["legacy", "general", "baseline", "netadmin", "restricted", "sysadmin"] as const;
export type ProfileName = (typeof profileNames)[number];

export const isProfile = (name: string): name is ProfileName =>
  (profileNames as readonly string[]).includes(name);

/** Gives pod and container the rights of a profile. (k8s.io/kubectl/pkg/cmd/debug/profiles.go.) */
export function applyProfile(
  profile: ProfileName,
  target: DebugTarget,
  pod: Pod,
  name: string,
  kept: KeptParts,
): void {
  const containers: DebugContainer[] =
    target === "ephemeral" ? (pod.spec?.ephemeralContainers ?? []) : (pod.spec?.containers ?? []);
  const container = containers.find((known) => known.name === name);
  if (pod.spec === undefined || container === undefined) {
    throw new KubectlError(`unable to find the ${name} container in the pod ${pod.metadata.name}`);
  }
  if (target === "copy") keepParts(pod, kept);
  if (profile === "legacy") {
    if (target === "node") {
      mountHost(pod, container);
      useHost(pod);
    }
    return;
  }
  if (target === "node") {
    if (profile === "general" || profile === "sysadmin") mountHost(pod, container);
    if (profile !== "baseline" && profile !== "restricted") useHost(pod);
  }
  if (target === "copy") pod.spec.shareProcessNamespace = true;
  secure(profile, target, container);
}

function secure(profile: ProfileName, target: DebugTarget, container: DebugContainer): void {
  switch (profile) {
    case "general":
      if (target !== "node") addCapabilities(container, "SYS_PTRACE");
      return;
    case "baseline":
      delete container.securityContext;
      return;
    case "netadmin":
      addCapabilities(container, "NET_ADMIN", "NET_RAW");
      return;
    case "sysadmin":
      container.securityContext = { ...container.securityContext, privileged: true };
      return;
    case "restricted":
      container.securityContext = {
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      };
  }
}

function addCapabilities(container: DebugContainer, ...names: readonly string[]): void {
  const before: SecurityContext = container.securityContext ?? {};
  const add = [...(before.capabilities?.add ?? []), ...names];
  container.securityContext = { ...before, capabilities: { ...before.capabilities, add } };
}

function mountHost(pod: Pod, container: DebugContainer): void {
  if (pod.spec === undefined) return;
  pod.spec.volumes = [...(pod.spec.volumes ?? []), { name: "host-root", hostPath: { path: "/" } }];
  container.volumeMounts = [...(container.volumeMounts ?? []), { name: "host-root", mountPath: "/host" }];
}

function useHost({ spec }: Pod): void {
  if (spec === undefined) return;
  spec.hostNetwork = true;
  spec.hostPID = true;
  spec.hostIPC = true;
}

/** A copy that nothing routes to and nothing restarts, unless that was asked for. */
function keepParts(pod: Pod, kept: KeptParts): void {
  if (!kept.labels) delete pod.metadata.labels;
  if (!kept.annotations) delete pod.metadata.annotations;
  if (pod.spec === undefined) return;
  if (!kept.initContainers) delete pod.spec.initContainers;
  for (const container of pod.spec.containers) {
    if (!kept.liveness) delete container.livenessProbe;
    if (!kept.readiness) delete container.readinessProbe;
    if (!kept.startup) delete container.startupProbe;
  }
}
