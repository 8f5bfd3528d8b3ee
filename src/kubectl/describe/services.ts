import type { Endpoints, Service } from "../../api/types/core-v1.ts";
import type { EndpointSlice } from "../../api/types/discovery-v1.ts";
import type { Ingress, IngressBackend, IngressClass, NetworkPolicy } from "../../api/types/networking-v1.ts";
import { resources } from "../../client/resources.ts";
import { plainText } from "../errors.ts";
import { formatLabels } from "../printers/table.ts";
import { type DescribeContext, type Describer, describeEvents } from "./context.ts";
import { type Description, orNone } from "./description.ts";
import { formatLabelSelector } from "./selectors.ts";

const serviceNameLabel = "kubernetes.io/service-name";

export const describeService: Describer = async (d, object, context) => {
  const service = object as unknown as Service;
  const { metadata, spec, status } = service;
  const slices = await context
    .list(resources.endpointslices, metadata.namespace, {
      labelSelector: `${serviceNameLabel}=${metadata.name}`,
    })
    .catch(() => []);
  const events = await context.eventsAbout(service);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.field("Selector", formatLabels(spec.selector)).field("Type", spec.type);
  if (spec.ipFamilyPolicy !== undefined) d.field("IP Family Policy", spec.ipFamilyPolicy);
  d.field("IP Families", orNone((spec.ipFamilies ?? []).join(",")));
  d.field("IP", spec.clusterIP).field("IPs", orNone((spec.clusterIPs ?? []).join(",")));
  if ((spec.externalIPs ?? []).length > 0) d.field("External IPs", spec.externalIPs?.join(","));
  if ((spec.loadBalancerIP ?? "") !== "") d.field("Desired LoadBalancer IP", spec.loadBalancerIP);
  if ((spec.externalName ?? "") !== "") d.field("External Name", spec.externalName);
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (ingress.length > 0) {
    const shown = ingress.map(({ ip = "", ipMode, hostname }) =>
      ip === "" ? hostname : `${ip}${ipMode === undefined ? "" : ` (${ipMode})`}`,
    );
    d.field("LoadBalancer Ingress", shown.join(", "));
  }
  for (const { name = "", port, protocol, targetPort, appProtocol, nodePort = 0 } of spec.ports ?? []) {
    const shown = name === "" ? "<unset>" : name;
    d.row(0, "Port:", shown, `${port}/${protocol}`).field("TargetPort", `${targetPort}/${protocol}`);
    if (appProtocol !== undefined) d.field("AppProtocol", appProtocol);
    if (nodePort !== 0) d.row(0, "NodePort:", shown, `${nodePort}/${protocol}`);
    d.field("Endpoints", formatEndpoints(slices, name));
  }
  d.field("Session Affinity", spec.sessionAffinity);
  if ((spec.externalTrafficPolicy ?? "") !== "")
    d.field("External Traffic Policy", spec.externalTrafficPolicy);
  if (spec.internalTrafficPolicy !== undefined)
    d.field("Internal Traffic Policy", spec.internalTrafficPolicy);
  if ((spec.healthCheckNodePort ?? 0) !== 0) d.field("HealthCheck NodePort", spec.healthCheckNodePort);
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0) d.field("LoadBalancer Source Ranges", ranges.join(","));
  if (spec.trafficDistribution !== undefined) d.field("Traffic Distribution", spec.trafficDistribution);
  describeEvents(d, events);
};

const shownMax = 3;

/** The first addresses of the port that are ready, and how many more there are. */
function formatEndpoints(slices: readonly EndpointSlice[], portName: string): string {
  if (slices.length === 0) return "<none>";
  const addresses = slices.flatMap(({ ports, endpoints }) => {
    const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
    if (ports === undefined || ports === null || ports.length === 0)
      return ready.map((endpoint) => endpoint.addresses[0] ?? "");
    return ports
      .filter(({ name }) => (name ?? "") === portName)
      .flatMap(({ port }) => ready.map((endpoint) => hostPort(endpoint.addresses[0] ?? "", port)));
  });
  const shown = addresses.slice(0, shownMax).join(",");
  return addresses.length > shownMax ? `${shown} + ${addresses.length - shownMax} more...` : shown;
}

const hostPort = (host: string, port: number | undefined): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port ?? 0}`;

export const describeEndpoints: Describer = async (d, object, context) => {
  const endpoints = object as unknown as Endpoints;
  const events = await context.eventsAbout(endpoints);
  const { metadata, subsets = [] } = endpoints;
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.line(0, "Subsets:");
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    d.field("Addresses", orNone(addresses.map(({ ip }) => ip).join(",")), 1);
    d.field("NotReadyAddresses", orNone(notReadyAddresses.map(({ ip }) => ip).join(",")), 1);
    if (ports.length > 0)
      d.line(1, "Ports:").row(2, "Name", "Port", "Protocol").row(2, "----", "----", "--------");
    for (const { name = "", port, protocol } of ports)
      d.row(2, name === "" ? "<unset>" : name, port, protocol);
    d.line(0, "");
  }
  describeEvents(d, events);
};

export const describeEndpointSlice: Describer = async (d, object, context) => {
  const slice = object as unknown as EndpointSlice;
  const events = await context.eventsAbout(slice);
  const { metadata, addressType, ports, endpoints } = slice;
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.field("AddressType", addressType);
  if ((ports ?? []).length === 0) d.line(0, "Ports: <unset>");
  else {
    d.line(0, "Ports:").row(1, "Name", "Port", "Protocol").row(1, "----", "----", "--------");
    for (const { name, port, protocol } of ports ?? []) {
      d.row(1, (name ?? "") === "" ? "<unset>" : name, port ?? "<unset>", protocol);
    }
  }
  if ((endpoints ?? []).length === 0) d.line(0, "Endpoints: <none>");
  else d.line(0, "Endpoints:");
  for (const { addresses, conditions, hostname, targetRef, nodeName, zone } of endpoints ?? []) {
    d.line(1, `- Addresses:\t${orNone(addresses.join(", "))}`);
    d.line(2, "Conditions:").field("Ready", conditions?.ready ?? "<unset>", 3);
    d.field("Hostname", hostname ?? "<unset>", 2);
    if (targetRef !== undefined) d.field("TargetRef", `${targetRef.kind}/${targetRef.name}`, 2);
    d.field("NodeName", nodeName ?? "<unset>", 2).field("Zone", zone ?? "<unset>", 2);
  }
  describeEvents(d, events);
};

export const describeIngress: Describer = async (d, object, context) => {
  const ingress = object as unknown as Ingress;
  const { metadata, spec, status } = ingress;
  const events = await context.eventsAbout(ingress);
  const namespace = metadata.namespace;
  d.field("Name", metadata.name).labels("Labels", metadata.labels).field("Namespace", namespace);
  const addresses = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = "", hostname = "" }) => {
    const address = ip === "" ? hostname : ip;
    return address === "" ? [] : [address];
  });
  d.field("Address", [...new Set(addresses)].sort().join(","));
  d.field("Ingress Class", spec?.ingressClassName ?? "<none>");
  const fallback =
    spec?.defaultBackend === undefined ? "<default>" : await backend(context, namespace, spec.defaultBackend);
  d.field("Default backend", fallback);
  if ((spec?.tls ?? []).length > 0) d.line(0, "TLS:");
  for (const { secretName = "", hosts = [] } of spec?.tls ?? []) {
    d.line(
      1,
      secretName === "" ? `SNI routes ${hosts.join(",")}` : `${secretName} terminates ${hosts.join(",")}`,
    );
  }
  d.line(0, "Rules:").row(1, "Host", "Path", "Backends").row(1, "----", "----", "--------");
  const rules = (spec?.rules ?? []).filter(({ http }) => http !== undefined);
  for (const { host = "", http } of rules) {
    d.line(1, `${host === "" ? "*" : host}\t`);
    for (const { path = "", backend: to } of http?.paths ?? []) {
      d.line(2, `\t${path} \t${await backend(context, namespace, to)}`);
    }
  }
  if (rules.length === 0) d.row(1, "*", "*", fallback);
  d.annotations("Annotations", metadata.annotations);
  describeEvents(d, events);
};

async function backend(
  context: DescribeContext,
  namespace: string | undefined,
  { service, resource }: IngressBackend,
): Promise<string> {
  if (resource !== undefined)
    return `APIGroup: ${resource.apiGroup ?? "<none>"}, Kind: ${resource.kind}, Name: ${resource.name}`;
  if (service === undefined) return "";
  const wanted = service.port;
  const shown = `${service.name}:${(wanted?.number ?? 0) === 0 ? (wanted?.name ?? "") : wanted?.number}`;
  try {
    const labelSelector = `${serviceNameLabel}=${service.name}`;
    const slices = await context.list(resources.endpointslices, namespace, { labelSelector });
    const found = await context.get(resources.services, namespace, service.name);
    const port = found.spec.ports?.find(({ port: number, name = "" }) =>
      (wanted?.number ?? 0) === 0 ? name === wanted?.name && name !== "" : number === wanted?.number,
    );
    return `${shown} (${formatEndpoints(slices, port?.name ?? "")})`;
  } catch (error) {
    return `${shown} (<error: ${plainText(error)}>)`;
  }
}

export const describeIngressClass: Describer = async (d, object, context) => {
  const ingressClass = object as unknown as IngressClass;
  const events = await context.eventsAbout(ingressClass);
  const { metadata, spec } = ingressClass;
  d.field("Name", metadata.name)
    .labels("Labels", metadata.labels)
    .annotations("Annotations", metadata.annotations);
  d.field("Controller", spec?.controller);
  if (spec?.parameters !== undefined) {
    d.line(0, "Parameters:");
    if (spec.parameters.apiGroup !== undefined) d.field("APIGroup", spec.parameters.apiGroup, 1);
    d.field("Kind", spec.parameters.kind, 1).field("Name", spec.parameters.name, 1);
  }
  describeEvents(d, events);
};

export const describeNetworkPolicy: Describer = (d, object) => {
  const { metadata, spec } = object as unknown as NetworkPolicy;
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.field("Created on", (metadata.creationTimestamp ?? "").replace("T", " ").replace("Z", " +0000 UTC"));
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.line(0, "Spec:");
  const selector = formatLabelSelector(spec?.podSelector);
  const all = "<none> (Allowing the specific traffic to all pods in this namespace)";
  d.line(1, `PodSelector:     ${selector === "<none>" ? all : selector}`);
  const types = spec?.policyTypes ?? [];
  if (types.includes("Ingress")) {
    d.line(1, "Allowing ingress traffic:");
    describeRules(
      d,
      (spec?.ingress ?? []).map(({ ports, from }) => ({ ports, peers: from })),
      "From",
      "source",
      "ingress",
    );
  } else d.line(1, "Not affecting ingress traffic");
  if (types.includes("Egress")) {
    d.line(1, "Allowing egress traffic:");
    describeRules(
      d,
      (spec?.egress ?? []).map(({ ports, to }) => ({ ports, peers: to })),
      "To",
      "destination",
      "egress",
    );
  } else d.line(1, "Not affecting egress traffic");
  d.line(1, `Policy Types: ${orNone(types.join(", "))}`);
};

type PolicyRule = NonNullable<NonNullable<NetworkPolicy["spec"]>["ingress"]>[number];

function describeRules(
  d: Description,
  rules: readonly { ports: PolicyRule["ports"]; peers: PolicyRule["from"] }[],
  direction: string,
  other: string,
  kind: string,
): void {
  if (rules.length === 0) d.line(2, `<none> (Selected pods are isolated for ${kind} connectivity)`);
  for (const [index, { ports = [], peers = [] }] of rules.entries()) {
    if (ports.length === 0) d.line(2, "To Port: <any> (traffic allowed to all ports)");
    for (const { port, endPort, protocol = "TCP" } of ports) {
      d.line(
        2,
        endPort === undefined
          ? `To Port: ${port ?? "<nil>"}/${protocol}`
          : `To Port Range: ${port}-${endPort}/${protocol}`,
      );
    }
    if (peers.length === 0) d.line(2, `${direction}: <any> (traffic not restricted by ${other})`);
    for (const { podSelector, namespaceSelector, ipBlock } of peers) {
      d.line(2, `${direction}:`);
      if (namespaceSelector !== undefined)
        d.line(3, `NamespaceSelector: ${formatLabelSelector(namespaceSelector)}`);
      if (podSelector !== undefined) d.line(3, `PodSelector: ${formatLabelSelector(podSelector)}`);
      if (ipBlock !== undefined) {
        d.line(3, "IPBlock:")
          .line(4, `CIDR: ${ipBlock.cidr}`)
          .line(4, `Except: ${(ipBlock.except ?? []).join(", ")}`);
      }
    }
    if (index < rules.length - 1) d.line(2, "----------");
  }
}
