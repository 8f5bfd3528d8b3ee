import type { Pod } from "../../api/types/core-v1.ts";
import type { DnsConfig } from "../../cri/runtime.ts";

export interface ClusterDns {
  readonly servers: readonly string[];
  readonly domain: string;
  /** What the node itself uses: /etc/resolv.conf. */
  readonly host: DnsConfig;
}

/** As many as the resolvers of libc read. */
const serversMax = 3;
const searchesMax = 32;

/** The pod's resolv.conf. Mirrors pkg/kubelet/network/dns. */
export function podDns(pod: Pod, cluster: ClusterDns): DnsConfig {
  const { dnsPolicy = "ClusterFirst", dnsConfig, hostNetwork = false } = pod.spec ?? {};
  const clusterFirst =
    dnsPolicy === "ClusterFirstWithHostNet" || (dnsPolicy === "ClusterFirst" && !hostNetwork);
  const base = basis(pod, clusterFirst && cluster.servers.length > 0, dnsPolicy, cluster);
  const options = new Map(base.options.map((option) => splitOption(option)));
  for (const { name = "", value } of dnsConfig?.options ?? []) options.set(name, value);
  return {
    servers: unique([...base.servers, ...(dnsConfig?.nameservers ?? [])]).slice(0, serversMax),
    searches: unique([...base.searches, ...(dnsConfig?.searches ?? [])]).slice(0, searchesMax),
    options: [...options].map(([name, value]) =>
      value === undefined || value === "" ? name : `${name}:${value}`,
    ),
  };
}

function basis(
  pod: Pod,
  clusterFirst: boolean,
  policy: string,
  { servers, domain, host }: ClusterDns,
): DnsConfig {
  if (policy === "None") return { servers: [], searches: [], options: [] };
  if (!clusterFirst) return host;
  const own = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  return { servers, searches: unique([...own, ...host.searches]), options: ["ndots:5"] };
}

function splitOption(option: string): [string, string | undefined] {
  const colon = option.indexOf(":");
  return colon < 0 ? [option, undefined] : [option.slice(0, colon), option.slice(colon + 1)];
}

const unique = (list: readonly string[]): string[] => [...new Set(list)];

/** Reads a resolv.conf. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && values[0] !== undefined) servers.push(values[0]);
    else if (keyword === "search" || keyword === "domain")
      searches = values.map((value) => value.replace(/\.$/, ""));
    else if (keyword === "options") options = values;
  }
  return { servers, searches: searches.filter((value) => value !== ""), options };
}

/** The host name that a pod's processes see, and the domain that makes it full; empty without a subdomain. */
export function podHostname(pod: Pod, clusterDomain: string): { hostname: string; domain: string } {
  const { hostname: asked, subdomain, setHostnameAsFQDN, hostnameOverride } = pod.spec ?? {};
  if (hostnameOverride !== undefined && hostnameOverride !== "")
    return { hostname: hostnameOverride, domain: "" };
  const short = asked === undefined || asked === "" ? truncate(pod.metadata.name ?? "") : asked;
  const domain =
    subdomain === undefined || subdomain === ""
      ? ""
      : `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
  const hostname = setHostnameAsFQDN === true && domain !== "" ? `${short}.${domain}` : short;
  return { hostname, domain };
}

/** The kernel takes 64 bytes, names in DNS 63; the kubelet cuts at 63 and leaves no dash or dot at the end. */
function truncate(name: string): string {
  return name.length <= 63 ? name : name.slice(0, 63).replace(/[-.]+$/, "");
}
