import type { Pod } from "../../api/types/core-v1.ts";
import type { Rejection } from "../node-context.ts";
import { allContainers } from "./pod-spec.ts";

/** Settings of the kernel that are apart for each pod, and cannot harm others. As the kubelet allows by default. */
const safeSysctls: ReadonlySet<string> = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ping_group_range",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.tcp_wmem",
]);

/** What the pod asks for that this node refuses: better by name than to run the pod without it. */
export function unsupportedByNode(pod: Pod): Rejection | undefined {
  return forbiddenSysctl(pod) ?? unsupportedFeature(pod);
}

/** Mirrors pkg/kubelet/sysctl/allowlist.go. */
function forbiddenSysctl(pod: Pod): Rejection | undefined {
  for (const { name } of pod.spec?.securityContext?.sysctls ?? []) {
    const plain = name.replaceAll("/", ".");
    const refuse = (why: string): Rejection => ({
      reason: "SysctlForbidden",
      message: `forbidden sysctl: "${name}" ${why}`,
    });
    if (!safeSysctls.has(plain)) return refuse("not allowlisted");
    if (pod.spec?.hostNetwork === true && plain.startsWith("net."))
      return refuse("not allowed with host net enabled");
    if (pod.spec?.hostIPC === true && plain.startsWith("kernel.shm"))
      return refuse("not allowed with host ipc enabled");
  }
  return undefined;
}

function unsupportedFeature(pod: Pod): Rejection | undefined {
  const { securityContext, hostUsers, resourceClaims = [] } = pod.spec ?? {};
  if (securityContext?.supplementalGroupsPolicy === "Strict") {
    return {
      reason: "SupplementalGroupsPolicyNotSupported",
      message: "SupplementalGroupsPolicy=Strict is not supported in this node",
    };
  }
  if (hostUsers === false) {
    return {
      reason: "UserNamespacesNotSupported",
      message: "user namespaces (hostUsers: false) are not supported by this node",
    };
  }
  if (resourceClaims.length > 0) {
    return {
      reason: "ResourceClaimsNotSupported",
      message: "resource claims are not supported by this node",
    };
  }
  const confined = allContainers(pod).some(
    ({ container }) =>
      (container.securityContext?.appArmorProfile ?? securityContext?.appArmorProfile)?.type === "Localhost",
  );
  if (!confined) return undefined;
  return { reason: "AppArmor", message: "Cannot enforce AppArmor: AppArmor is not supported by this node" };
}
