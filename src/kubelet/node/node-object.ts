import type { Node, NodeCondition, NodeStatus } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { canonicalQuantity, Quantity } from "../../apimachinery/quantity.ts";
import type { ImageInfo, RuntimeStatus } from "../../cri/runtime.ts";
import type { KubeletOptions } from "../options.ts";
import type { Machine } from "./machine.ts";

/** The Node object shows at most so many images, the greatest first. */
const imagesMax = 50;
/** Half a disk may fill before anything is done; below this share the node takes no more pods. */
export const version = "v1.36.0";

export interface NodeSources {
  readonly options: KubeletOptions;
  readonly machine: Machine;
  readonly runtime: RuntimeStatus;
  readonly images: readonly ImageInfo[];
  /** What presses on the node: condition types that are true, with why. */
  readonly pressures: ReadonlyMap<string, string>;
}

export function nodeLabels({ options, machine }: NodeSources): Record<string, string> {
  return {
    "beta.kubernetes.io/arch": machine.architecture,
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": machine.architecture,
    "kubernetes.io/hostname": hostnameOf(options),
    "kubernetes.io/os": "linux",
    ...options.labels,
  };
}

function hostnameOf({ nodeAddresses, nodeName }: KubeletOptions): string {
  return nodeAddresses.find(({ type }) => type === "Hostname")?.address ?? nodeName;
}

/** The Node as it is registered. */
export function newNode(sources: NodeSources, nowMs: number): Node {
  const { options } = sources;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: options.nodeName,
      labels: nodeLabels(sources),
      annotations: {
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        ...options.annotations,
      },
    },
    spec: {
      ...(options.providerId === undefined ? {} : { providerID: options.providerId }),
      ...(options.taints === undefined || options.taints.length === 0 ? {} : { taints: [...options.taints] }),
    },
    status: nodeStatus(sources, undefined, nowMs),
  };
}

/**
 * The whole status, as the server prints it, so that it can be compared with what comes back from there; conditions of
 * others that `previous` has are kept.
 */
export function nodeStatus(
  sources: NodeSources,
  previous: NodeStatus | undefined,
  nowMs: number,
): NodeStatus {
  const { options, machine, runtime, images } = sources;
  const capacity = { ...extendedResources(previous?.capacity), ...capacityOf(options, machine) };
  return {
    capacity,
    allocatable: allocatableOf(capacity, options.reserved ?? {}),
    conditions: conditionsOf(sources, previous?.conditions ?? [], nowMs),
    addresses: options.nodeAddresses.map((address) => ({ ...address })),
    daemonEndpoints: { kubeletEndpoint: { Port: options.port ?? 10_250 } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: `${runtime.name.replace(/^sampan-/, "")}://${runtime.version}`,
      kubeletVersion: options.version ?? version,
      kubeProxyVersion: options.version ?? version,
      operatingSystem: "linux",
      architecture: machine.architecture,
    },
    // Of an empty list nothing comes back from the server, and would look like a change each time.
    ...(images.length > 0 && { images: imageList(images) }),
    runtimeHandlers: [{ name: "", features: { recursiveReadOnlyMounts: false, userNamespaces: false } }],
    features: { supplementalGroupsPolicy: false },
  };
}

/** What others say that the node has: the names of such resources carry a domain. */
function extendedResources(capacity: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(capacity).filter(([name]) => name.includes("/")));
}

export function capacityOf(options: KubeletOptions, machine: Machine): Record<string, string> {
  const kibi = (bytes: number): string => canonicalQuantity(`${Math.floor(bytes / 1024)}Ki`);
  return {
    cpu: String(machine.cpus),
    "ephemeral-storage": kibi(machine.diskBytes),
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
    memory: kibi(machine.memoryBytes),
    pods: String(options.maxPods ?? 110),
    ...options.capacity,
  };
}

export function allocatableOf(
  capacity: Readonly<Record<string, string>>,
  reserved: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(capacity).map(([name, text]) => {
    const held = reserved[name];
    if (held === undefined) return [name, text];
    return [name, Quantity.parse(text).sub(Quantity.parse(held)).toString()];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

function imageList(images: readonly ImageInfo[]): { names: string[]; sizeBytes: number }[] {
  const sorted = [...images].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, imagesMax);
  return sorted.map(({ repoDigests, repoTags, sizeBytes }) => ({
    names: [...repoDigests, ...repoTags],
    sizeBytes,
  }));
}

/** Type, and for each status the reason and message of Kubernetes. */
const pressures = [
  ["MemoryPressure", "KubeletHasInsufficientMemory", "KubeletHasSufficientMemory", "memory"],
  ["DiskPressure", "KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "disk"],
  ["PIDPressure", "KubeletHasInsufficientPID", "KubeletHasSufficientPID", "PID"],
] as const;

function conditionsOf(
  sources: NodeSources,
  previous: readonly NodeCondition[],
  nowMs: number,
): NodeCondition[] {
  const own: NodeCondition[] = pressures.map(([type, bad, good, what]) => {
    const pressed = sources.pressures.has(type);
    const calm =
      what === "disk" ? "kubelet has no disk pressure" : `kubelet has sufficient ${what} available`;
    const strained =
      what === "disk" ? "kubelet has disk pressure" : `kubelet has insufficient ${what} available`;
    return {
      type,
      status: pressed ? "True" : "False",
      reason: pressed ? bad : good,
      message: pressed ? strained : calm,
    };
  });
  own.push(readyCondition(sources));
  const others = previous.filter(({ type }) => !own.some((mine) => mine.type === type));
  return [...others, ...own.map((condition) => stamp(condition, previous, nowMs))];
}

function readyCondition({ runtime }: NodeSources): NodeCondition {
  if (runtime.ready) {
    return {
      type: "Ready",
      status: "True",
      reason: "KubeletReady",
      message: "kubelet is posting ready status",
    };
  }
  const problems = runtime.problems.filter(({ fatal }) => fatal).map(({ what }) => what);
  const message = `container runtime is not ready: ${problems.join("; ")}`;
  return { type: "Ready", status: "False", reason: "KubeletNotReady", message };
}

function stamp(condition: NodeCondition, previous: readonly NodeCondition[], nowMs: number): NodeCondition {
  const before = previous.find(({ type }) => type === condition.type);
  const now = formatTime(nowMs);
  const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
  return { ...condition, lastHeartbeatTime: now, lastTransitionTime };
}
