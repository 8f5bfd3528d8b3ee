import type { NodeAddress, Pod, Taint } from "../api/types/core-v1.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer.ts";
import type { ImageService, RuntimeService } from "../cri/runtime.ts";
import type { EvictionThresholds } from "./eviction/signals.ts";

/** All that a kubelet needs; nothing is taken from anywhere else. */
export interface KubeletOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: EventRecorder;
  readonly nodeName: string;
  /** Hostname and InternalIP at least; the first InternalIP is the `hostIP` of pods. */
  readonly nodeAddresses: readonly NodeAddress[];
  /** Pods' directories, volumes and logs live below it. Never touched when `simulated` is given. */
  readonly rootDirectory: string;
  /** The cluster's name servers and domain; pods with ClusterFirst look here. */
  readonly dns: { readonly servers: readonly string[]; readonly domain: string };
  /** Overrides single entries of what the machine has: `cpu`, `memory`, `ephemeral-storage`, extended resources. */
  readonly capacity?: Readonly<Record<string, string>>;
  /** Held back from pods: capacity minus this is allocatable. */
  readonly reserved?: Readonly<Record<string, string>>;
  readonly maxPods?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  readonly providerId?: string;
  /** The port of the kubelet's own server, as the Node object tells; by default 10250. */
  readonly port?: number;
  /** `v1.36.0` by default. */
  readonly version?: string;
  /** Below these the node is under pressure; by default 100 MiB of memory and 500 MiB of disk. */
  readonly thresholds?: EvictionThresholds;
  /** Mounts for memory-backed volumes; without it they lie on disk, readable by root only. */
  readonly mounter?: Mounter;
  /**
   * Resolves when the node's data path sends nothing new to a pod's address, or after the time. Asked before a pod that
   * is deleted gets its stop signal, so that no connection is made to a server that has closed its socket.
   */
  readonly withdrawn?: (address: string, limitMs: number) => Promise<void>;
  /** The node pretends: no disk is touched, logs and probes are answered by the simulated runtime. */
  readonly simulated?: SimulatedParts;
}

/** What takes the place of disk and wire on a node that pretends. */
export interface SimulatedParts {
  readonly logs: LogFiles;
  readonly network: ProbeNetwork;
  /** What is wrong with a pod's script, each in a sentence for an event. */
  readonly scriptProblems?: (pod: Pod) => readonly string[];
  /** Whether somebody else leads the pod through its life: this node then leaves it alone. */
  readonly ruledElsewhere?: (pod: Pod) => boolean | Promise<boolean>;
  /** Grows whenever the node has something new to tell of itself: until then it is not looked at. */
  readonly revision?: () => number;
  /** Whether somebody else tells how the node is. */
  readonly toldElsewhere?: () => boolean;
  /** Conditions that press on the node, `MemoryPressure`, with why. */
  readonly pressures?: () => ReadonlyMap<string, string>;
}

/** The mounts that volumes need. Implemented by the linux room and handed in by the cluster. */
export interface Mounter {
  /** Mounts an empty tmpfs over an existing directory. Asked for once: the kubelet looks whether it is there. */
  mountTmpfs(path: string, options: { readonly sizeBytes?: number }): Promise<void>;
  /** Unmounts; unmounting what is not mounted succeeds. */
  unmount(path: string): Promise<void>;
}

/** Which container is asked, and by which probe. */
export interface ProbeTarget {
  readonly containerId: string;
  readonly kind: ProbeKind;
}

export type ProbeKind = "startup" | "readiness" | "liveness";

/** The wire of HTTP, TCP and gRPC probes and hooks. Failures reject with what the user is to read. */
export interface ProbeNetwork {
  httpGet(request: ProbeTarget & HttpProbe): Promise<{ readonly statusCode: number; readonly body: string }>;
  tcpConnect(request: ProbeTarget & TcpProbe): Promise<void>;
  /** The serving status: `SERVING`, `NOT_SERVING`, `SERVICE_UNKNOWN`. */
  grpcCheck(request: ProbeTarget & GrpcProbe): Promise<string>;
}

export interface TcpProbe {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export interface HttpProbe extends TcpProbe {
  readonly scheme: "http" | "https";
  readonly path: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface GrpcProbe extends TcpProbe {
  readonly service: string;
}

/** Container logs by path: files, or the memory of the simulated runtime. */
export interface LogFiles {
  /** `identity` tells a file from the one that took its name. Undefined when absent. */
  stat(path: string): Promise<{ readonly sizeBytes: number; readonly identity: string } | undefined>;
  read(path: string, position: number, lengthMax: number): Promise<Buffer>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** The names in a directory; empty when there is none. */
  list(directory: string): Promise<string[]>;
  removeTree(directory: string): Promise<void>;
  /** Calls back when the file may have grown, possibly in vain; returns the function that ends it. */
  watch(path: string, notify: () => void): () => void;
}
