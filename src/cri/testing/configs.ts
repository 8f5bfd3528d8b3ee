/** Configurations for tests: everything at its plainest, changed where a test says so. */
import type { ContainerConfig, ContainerSecurity, PodSandboxConfig } from "../runtime.ts";

export function sandboxConfig(name: string, changes: Partial<PodSandboxConfig> = {}): PodSandboxConfig {
  return {
    name,
    namespace: "default",
    uid: `uid-${name}`,
    attempt: 0,
    hostname: name,
    dns: { servers: ["10.96.0.10"], searches: ["default.svc.cluster.local"], options: ["ndots:5"] },
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    shareProcessNamespace: false,
    portMappings: [],
    sysctls: {},
    labels: { app: name },
    annotations: {},
    logDirectory: "",
    qosClass: "BestEffort",
    resources: {},
    ...changes,
  };
}

export const plainSecurity: ContainerSecurity = {
  privileged: false,
  supplementalGroups: [],
  readonlyRootfs: false,
  noNewPrivileges: false,
  addCapabilities: [],
  dropCapabilities: [],
  seccomp: "runtimeDefault",
  maskedPaths: true,
};

export function containerConfig(name: string, changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    name,
    attempt: 0,
    imageId: "",
    image: "test",
    command: [],
    args: [],
    workingDir: "",
    env: [],
    mounts: [],
    devices: [],
    labels: { container: name },
    annotations: {},
    logPath: `${name}/0.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: {},
    security: plainSecurity,
    ...changes,
  };
}
