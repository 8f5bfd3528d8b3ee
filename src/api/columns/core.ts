import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { convertObject } from "../conversion/index.ts";
import type {
  ComponentStatus,
  ConfigMap,
  Endpoints,
  Event,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PodTemplate,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
} from "../types/core-v1.ts";
import {
  age,
  ageColumn,
  containerCells,
  firstThree,
  formatLabels,
  nameColumn,
  printer,
  text,
  wide,
} from "./column.ts";
import { timeSince } from "./duration.ts";

/** Mirrors pkg/printers/internalversion/printers.go for the core group, except pods and replication controllers. */
function balancerAddresses(service: Service): string[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  return [...new Set(ingress.map(({ ip, hostname }) => ip || hostname || ""))]
    .filter((address) => address !== "")
    .toSorted();
}

function externalAddress(service: Service): string {
  const { type, externalIPs = [], externalName } = service.spec;
  if (type === "ClusterIP" || type === "NodePort") return externalIPs.join(",") || "<none>";
  if (type === "LoadBalancer")
    return [...balancerAddresses(service), ...externalIPs].join(",") || "<pending>";
  return type === "ExternalName" ? (externalName ?? "") : "<unknown>";
}

export const servicePrinter = printer<Service>(
  [
    nameColumn,
    text("Type", "How the service is reached."),
    text("Cluster-IP", "The address of the service inside the cluster."),
    text("External-IP", "The addresses of the service outside the cluster."),
    text("Port(s)", "The ports of the service, and their ports on the nodes."),
    ageColumn,
    wide(text("Selector", "Which pods serve, by their labels.")),
  ],
  (service, nowMs) => [
    service.metadata.name,
    service.spec.type,
    service.spec.clusterIPs?.[0] ?? "<none>",
    externalAddress(service),
    (service.spec.ports ?? [])
      .map(({ port, nodePort, protocol }) => `${nodePort ? `${port}:${nodePort}` : port}/${protocol}`)
      .join(",") || "<none>",
    age(service, nowMs),
    formatLabels(service.spec.selector),
  ],
);

/** The host and port of an endpoint; IPv6 addresses in brackets. */
const joinHostPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

function formatEndpoints({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return "<none>";
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => joinHostPort(ip, port))),
  );
  return firstThree(all, "");
}

export const endpointsPrinter = printer<Endpoints>(
  [nameColumn, text("Endpoints", "The addresses that serve."), ageColumn],
  (endpoints, nowMs) => [endpoints.metadata.name, formatEndpoints(endpoints), age(endpoints, nowMs)],
);

const rolePrefix = "node-role.kubernetes.io/";

function nodeRoles(node: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix)) roles.add(key.slice(rolePrefix.length));
    else if (key === "kubernetes.io/role") roles.add(value);
  }
  roles.delete("");
  return [...roles].toSorted().join(",") || "<none>";
}

function nodeStatus(node: Node): string {
  const ready = node.status?.conditions?.findLast(({ type }) => type === "Ready");
  const word = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return node.spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

function nodeAddress(node: Node, wanted: string): string {
  return node.status?.addresses?.find(({ type }) => type === wanted)?.address ?? "<none>";
}

export const nodePrinter = printer<Node>(
  [
    nameColumn,
    text("Status", "Whether the node is ready, and open for pods."),
    text("Roles", "The roles of the node, by its labels."),
    ageColumn,
    text("Version", "The version of the kubelet."),
    wide(text("Internal-IP", "The address of the node inside the cluster.")),
    wide(text("External-IP", "The address of the node outside the cluster.")),
    wide(text("OS-Image", "The operating system of the node.")),
    wide(text("Kernel-Version", "The version of the kernel.")),
    wide(text("Container-Runtime", "The container runtime and its version.")),
  ],
  (node, nowMs) => {
    const info = node.status?.nodeInfo;
    return [
      node.metadata.name,
      nodeStatus(node),
      nodeRoles(node),
      age(node, nowMs),
      info?.kubeletVersion ?? "",
      nodeAddress(node, "InternalIP"),
      nodeAddress(node, "ExternalIP"),
      info?.osImage || "<unknown>",
      `${info?.kernelVersion || "<unknown>"}${info?.architecture ? ` (${info.architecture})` : ""}`,
      info?.containerRuntimeVersion || "<unknown>",
    ];
  },
);

const coreEvent = { group: "", version: "v1", kind: "Event" };

function eventCells(event: Event, nowMs: number): unknown[] {
  const { involvedObject, source, series } = event;
  const first = timeSince(event.firstTimestamp ?? event.eventTime, nowMs);
  const last = typeof event.lastTimestamp === "string" ? timeSince(event.lastTimestamp, nowMs) : first;
  const kind = (involvedObject?.kind ?? "").toLowerCase();
  const component = source?.component || event.reportingComponent || "";
  const host = source?.host || event.reportingInstance || "";
  return [
    series === undefined ? last : timeSince(series.lastObservedTime, nowMs),
    event.type ?? "",
    event.reason ?? "",
    involvedObject?.name ? `${kind}/${involvedObject.name}` : kind,
    involvedObject?.fieldPath ?? "",
    host === "" ? component : `${component}, ${host}`,
    (event.message ?? "").trim(),
    first,
    series === undefined ? event.count || 1 : (series.count ?? 0),
    event.metadata.name,
  ];
}

export const eventPrinter = printer<UnstructuredObject>(
  [
    text("Last Seen", "How long ago it last happened."),
    text("Type", "Normal or Warning."),
    text("Reason", "Why it happened, in one word."),
    text("Object", "The object that it happened to."),
    wide(text("Subobject", "The part of the object.")),
    wide(text("Source", "Who reports it.")),
    text("Message", "What happened."),
    wide(text("First Seen", "How long ago it first happened.")),
    wide(text("Count", "How often it has happened.")),
    wide({ ...text("Name", "The name of the event."), format: "name" }),
  ],
  (object, nowMs) => eventCells(convertObject(object, coreEvent) as unknown as Event, nowMs),
);

export const namespacePrinter = printer<Namespace>(
  [nameColumn, text("Status", "Active or Terminating."), ageColumn],
  (namespace, nowMs) => [namespace.metadata.name, namespace.status?.phase ?? "", age(namespace, nowMs)],
);

const size = (map: object | undefined): number => Object.keys(map ?? {}).length;

export const secretPrinter = printer<Secret>(
  [
    nameColumn,
    text("Type", "What the secret is for."),
    text("Data", "How many entries the secret holds."),
    ageColumn,
  ],
  (secret, nowMs) => [secret.metadata.name, secret.type ?? "", size(secret.data), age(secret, nowMs)],
);

export const configMapPrinter = printer<ConfigMap>(
  [nameColumn, text("Data", "How many entries the config map holds."), ageColumn],
  (map, nowMs) => [map.metadata.name, size(map.data) + size(map.binaryData), age(map, nowMs)],
);

export const serviceAccountPrinter = printer<ServiceAccount>([nameColumn, ageColumn], (account, nowMs) => [
  account.metadata.name,
  age(account, nowMs),
]);

const accessModes = [
  ["ReadWriteOnce", "RWO"],
  ["ReadOnlyMany", "ROX"],
  ["ReadWriteMany", "RWX"],
  ["ReadWriteOncePod", "RWOP"],
] as const;

function formatAccessModes(modes: readonly string[] | undefined): string {
  return accessModes
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(",");
}

function storageClassOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return (
    object.metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ??
    object.spec.storageClassName ??
    ""
  );
}

const volumeModeColumn = wide(text("VolumeMode", "Filesystem or Block."));

export const persistentVolumePrinter = printer<PersistentVolume>(
  [
    nameColumn,
    text("Capacity", "The size of the volume."),
    text("Access Modes", "How the volume may be mounted."),
    text("Reclaim Policy", "What becomes of the volume when it is released."),
    text("Status", "Whether the volume is bound."),
    text("Claim", "The claim that the volume is bound to."),
    text("StorageClass", "The storage class of the volume."),
    text("VolumeAttributesClass", "The volume attributes class of the volume."),
    text("Reason", "Why the volume failed, in one word."),
    ageColumn,
    volumeModeColumn,
  ],
  (volume, nowMs) => {
    const { spec, status } = volume;
    return [
      volume.metadata.name,
      spec.capacity?.["storage"] ?? "0",
      formatAccessModes(spec.accessModes),
      spec.persistentVolumeReclaimPolicy ?? "",
      volume.metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating",
      spec.claimRef === undefined ? "" : `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}`,
      storageClassOf(volume),
      spec.volumeAttributesClassName ?? "<unset>",
      status?.reason ?? "",
      age(volume, nowMs),
      spec.volumeMode ?? "<unset>",
    ];
  },
);

export const persistentVolumeClaimPrinter = printer<PersistentVolumeClaim>(
  [
    nameColumn,
    text("Status", "Whether the claim is bound."),
    text("Volume", "The volume that the claim is bound to."),
    text("Capacity", "The size of the volume."),
    text("Access Modes", "How the volume may be mounted."),
    text("StorageClass", "The storage class of the claim."),
    text("VolumeAttributesClass", "The volume attributes class of the claim."),
    ageColumn,
    volumeModeColumn,
  ],
  (claim, nowMs) => {
    const { spec, status } = claim;
    const isBound = Boolean(spec.volumeName);
    return [
      claim.metadata.name,
      claim.metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating",
      spec.volumeName ?? "",
      isBound ? (status?.capacity?.["storage"] ?? "0") : "",
      isBound ? formatAccessModes(status?.accessModes) : "",
      storageClassOf(claim),
      spec.volumeAttributesClassName ?? "<unset>",
      age(claim, nowMs),
      spec.volumeMode ?? "<unset>",
    ];
  },
);

function quotaCells({ status }: ResourceQuota): [requests: string, limits: string] {
  const requests: string[] = [];
  const limits: string[] = [];
  for (const name of Object.keys(status?.hard ?? {}).toSorted()) {
    const cell = `${name}: ${status?.used?.[name] ?? "0"}/${status?.hard?.[name] ?? "0"}`;
    (name.startsWith("limits.") ? limits : requests).push(cell);
  }
  return [requests.join(", "), limits.join(", ")];
}

export const resourceQuotaPrinter = printer<ResourceQuota>(
  [
    nameColumn,
    text("Request", "What is used of what may be requested."),
    text("Limit", "What is used of what limits may add up to."),
    ageColumn,
  ],
  (quota, nowMs) => [quota.metadata.name, ...quotaCells(quota), age(quota, nowMs)],
);

export const podTemplatePrinter = printer<PodTemplate>(
  [
    nameColumn,
    text("Containers", "The names of the containers in the template."),
    text("Images", "The images of the containers in the template."),
    text("Pod Labels", "The labels of pods made from the template."),
  ],
  ({ metadata, template }) => [
    metadata.name,
    ...containerCells(template?.spec?.containers),
    formatLabels(template?.metadata?.labels),
  ],
);

export const componentStatusPrinter = printer<ComponentStatus>(
  [
    nameColumn,
    text("Status", "Whether the component is healthy."),
    text("Message", "What the component says of itself."),
    text("Error", "What is wrong with the component."),
  ],
  ({ metadata, conditions }) => {
    const health = conditions?.find(({ type }) => type === "Healthy");
    const word = health === undefined ? "Unknown" : health.status === "True" ? "Healthy" : "Unhealthy";
    return [metadata.name, word, health?.message ?? "", health?.error ?? ""];
  },
);

/** Kinds without columns of their own: the name, and when the object was created. */
export const defaultPrinter = printer<UnstructuredObject>(
  [
    nameColumn,
    { name: "Created At", type: "date", description: "When the object was created.", priority: 0 },
  ],
  ({ metadata }) => [metadata.name, metadata.creationTimestamp ?? null],
);
