import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  PodStatus,
  Taint,
} from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";
import type { ObjectMeta } from "../../apimachinery/meta-v1.ts";

/** Objects for tests of the scheduler: what is not said is what a small, healthy cluster has. */
export interface NodeOptions {
  readonly labels?: Record<string, string>;
  readonly taints?: Taint[];
  readonly unschedulable?: boolean;
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly allocatable?: Record<string, string>;
  readonly images?: { names: string[]; sizeBytes: number }[];
}

export function node(name: string, options: NodeOptions = {}): Node {
  const { cpu = "4", memory = "8Gi", pods = "110" } = options;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: `node-${name}`, labels: { "kubernetes.io/hostname": name, ...options.labels } },
    spec: { taints: options.taints, unschedulable: options.unschedulable },
    status: { allocatable: { cpu, memory, pods, ...options.allocatable }, images: options.images },
  };
}

export interface PodOptions {
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  /** Placed there already. */
  readonly on?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly requests?: Record<string, string>;
  readonly priority?: number;
  readonly claim?: string;
  readonly hostPort?: number;
  readonly metadata?: Partial<ObjectMeta>;
  readonly spec?: Partial<PodSpec>;
  readonly status?: PodStatus;
}

export function pod(name: string, options: PodOptions = {}): Pod {
  const { cpu, memory, on, claim, hostPort, priority } = options;
  const requests = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...options.requests,
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: options.namespace ?? "default",
      uid: `pod-${name}`,
      labels: options.labels,
      ...options.metadata,
    },
    spec: {
      containers: [
        {
          name: "main",
          image: "app:1",
          resources: { requests },
          ports: hostPort === undefined ? undefined : [{ containerPort: hostPort, hostPort }],
        },
      ],
      schedulerName: "default-scheduler",
      nodeName: on,
      priority,
      volumes:
        claim === undefined ? undefined : [{ name: "data", persistentVolumeClaim: { claimName: claim } }],
      ...options.spec,
    },
    status: options.status ?? { phase: on === undefined ? "Pending" : "Running" },
  };
}

export interface ClaimOptions {
  readonly volume?: string;
  readonly storageClass?: string;
  readonly modes?: string[];
  readonly size?: string;
  readonly metadata?: Partial<ObjectMeta>;
}

/** Bound when it names a volume. */
export function claim(name: string, options: ClaimOptions = {}): PersistentVolumeClaim {
  const { volume, storageClass = "local", modes = ["ReadWriteOnce"], size = "1Gi" } = options;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: "default", uid: `claim-${name}`, ...options.metadata },
    spec: {
      accessModes: modes,
      storageClassName: storageClass,
      volumeName: volume,
      resources: { requests: { storage: size } },
    },
    status: { phase: volume === undefined ? "Pending" : "Bound" },
  };
}

export interface VolumeOptions {
  readonly on?: string;
  readonly storageClass?: string;
  readonly size?: string;
  readonly phase?: string;
}

export function volume(name: string, options: VolumeOptions = {}): PersistentVolume {
  const { on, storageClass = "local", size = "1Gi", phase = "Available" } = options;
  const term = { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [on ?? ""] }] };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, uid: `volume-${name}` },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: size },
      storageClassName: storageClass,
      hostPath: { path: `/data/${name}` },
      nodeAffinity: on === undefined ? undefined : { required: { nodeSelectorTerms: [term] } },
    },
    status: { phase },
  };
}

export function storageClass(name: string, options: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name },
    provisioner: "sampan.dev/local",
    volumeBindingMode: "WaitForFirstConsumer",
    ...options,
  };
}
