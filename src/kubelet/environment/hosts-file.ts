import type { HostAlias, Pod } from "../../api/types/core-v1.ts";
import { podHostname } from "./dns-config.ts";

/** The pod's /etc/hosts. On the host network it is the node's own, with the aliases behind. */
export function hostsFile(
  pod: Pod,
  podIps: readonly string[],
  clusterDomain: string,
  hostFile: string,
): string {
  const aliases = aliasLines(pod.spec?.hostAliases ?? []);
  if (pod.spec?.hostNetwork === true)
    return `# Kubernetes-managed hosts file (host network).\n${hostFile}${aliases}`;
  const { hostname, domain } = podHostname(pod, clusterDomain);
  const short = hostname.split(".")[0] ?? hostname;
  const names = domain === "" ? hostname : `${short}.${domain}\t${short}`;
  return [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
    ...podIps.map((ip) => `${ip}\t${names}`),
    aliases,
  ].join("\n");
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return "";
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join("\t")}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join("")}`;
}
