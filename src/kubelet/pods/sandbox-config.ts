import { qosClassOf } from "../../api/pod-qos.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import type { PodSandboxConfig, PortMapping } from "../../cri/runtime.ts";
import { podLabels } from "../environment/container-configs.ts";
import { type ClusterDns, podDns, podHostname } from "../environment/dns-config.ts";
import type { Paths } from "../paths.ts";
import { appContainers, initContainers } from "./pod-spec.ts";
import { podResources } from "./qos.ts";

/** What the runtime is told about the pod as a whole. */
export function sandboxConfig(
  pod: Pod,
  attempt: number,
  dns: ClusterDns,
  nodeName: string,
  paths: Paths,
): PodSandboxConfig {
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  const {
    hostNetwork = false,
    hostPID = false,
    hostIPC = false,
    shareProcessNamespace = false,
  } = pod.spec ?? {};
  const sysctls = pod.spec?.securityContext?.sysctls ?? [];
  return {
    name,
    namespace,
    uid,
    attempt,
    hostname: hostNetwork ? nodeName : podHostname(pod, dns.domain).hostname,
    dns: podDns(pod, dns),
    hostNetwork,
    hostPid: hostPID,
    hostIpc: hostIPC,
    shareProcessNamespace,
    portMappings: hostNetwork ? [] : portMappings(pod),
    sysctls: Object.fromEntries(sysctls.map(({ name, value }) => [name, value])),
    labels: { ...pod.metadata.labels, ...podLabels(pod) },
    annotations: { ...pod.metadata.annotations },
    logDirectory: paths.logDirectory(pod),
    qosClass: qosClassOf(pod.spec),
    resources: podResources(pod),
  };
}

function portMappings(pod: Pod): PortMapping[] {
  const containers = [...initContainers(pod).filter(({ kind }) => kind === "sidecar"), ...appContainers(pod)];
  return containers.flatMap(({ container }) =>
    (container.ports ?? []).flatMap(({ containerPort, hostPort = 0, hostIP = "", protocol = "TCP" }) =>
      hostPort === 0 ? [] : [{ protocol: protocolOf(protocol), containerPort, hostPort, hostIp: hostIP }],
    ),
  );
}

function protocolOf(text: string): PortMapping["protocol"] {
  return text === "UDP" || text === "SCTP" ? text : "TCP";
}
