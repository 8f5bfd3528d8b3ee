/**
 * The container runtime interface, in TypeScript: the calls of CRI v1 by their own names, with times in milliseconds
 * since the epoch and sizes in bytes. Implementations: `crun/` (embedded), `simulated/`, later `grpc/`.
 * `testing/` holds the suite that each passes.
 *
 * All calls are idempotent where CRI says so: stopping or removing what is gone succeeds. Errors are CriError.
 * The runtime keeps its state on disk: after a restart `listPodSandboxes` and `listContainers` answer as before, and
 * containers have run on.
 */
import type { ByteStream, ExecResult, TerminalStreams } from "../streaming/node-connection.ts";

export interface RuntimeService {
  /** "sampan-crun", "1.36"; and what is missing or degraded on this host, each with what to do about it. */
  status(): Promise<RuntimeStatus>;

  /** Makes the pod's namespaces, network and cgroup. Ready when it resolves. */
  runPodSandbox(config: PodSandboxConfig): Promise<string>;
  /** Kills what runs in it and gives its address back. */
  stopPodSandbox(sandboxId: string): Promise<void>;
  removePodSandbox(sandboxId: string): Promise<void>;
  podSandboxStatus(sandboxId: string): Promise<PodSandboxStatus>;
  listPodSandboxes(): Promise<PodSandboxStatus[]>;

  createContainer(sandboxId: string, config: ContainerConfig): Promise<string>;
  startContainer(containerId: string): Promise<void>;
  /** SIGTERM (or the image's stop signal), then SIGKILL after the timeout. Resolves when it has ended. */
  stopContainer(containerId: string, timeoutMs: number): Promise<void>;
  removeContainer(containerId: string): Promise<void>;
  containerStatus(containerId: string): Promise<ContainerStatus>;
  listContainers(filter?: { readonly sandboxId?: string }): Promise<ContainerStatus[]>;
  updateContainerResources(containerId: string, resources: LinuxResources): Promise<void>;
  /** After the log file was renamed: write to a new one. */
  reopenContainerLog(containerId: string): Promise<void>;
  containerStats(containerId: string): Promise<ContainerStats>;

  /** Runs a command to its end, with its output. On timeout kills it and throws `deadlineExceeded`. */
  execSync(containerId: string, command: readonly string[], timeoutMs: number): Promise<ExecSyncResult>;
  exec(
    containerId: string,
    command: readonly string[],
    tty: boolean,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<ExecResult>;
  attach(containerId: string, tty: boolean, streams: TerminalStreams, signal: AbortSignal): Promise<void>;
  /** Connects to a port on the sandbox's loopback. */
  portForward(sandboxId: string, port: number, signal: AbortSignal): Promise<ByteStream>;

  /** Started, stopped, out of memory: wake-ups, possibly repeated, never a promise of completeness. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;

  /** Leaves containers running; releases threads and watches of this process. */
  close(): Promise<void>;
}

export interface ImageService {
  listImages(): Promise<ImageInfo[]>;
  /** By name, digest reference or image id; undefined when absent. */
  imageStatus(reference: string): Promise<ImageInfo | undefined>;
  /** Fetches the image; returns its id. Errors: `notFound`, `unauthorized`, `unavailable`, `invalidArgument`. */
  pullImage(reference: string, options: PullOptions): Promise<string>;
  removeImage(reference: string): Promise<void>;
  /** Bytes used by images and snapshots, and where. */
  imageFsInfo(): Promise<{ readonly path: string; readonly usedBytes: number }>;
}

export interface PullOptions {
  /** Credentials to try in order; anonymous when empty. */
  readonly credentials: readonly RegistryCredential[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
}

export interface RegistryCredential {
  readonly username: string;
  readonly password: string;
  readonly identityToken?: string;
}

export interface ImageInfo {
  /** `sha256:…` of the image configuration. */
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  /** Imported by hand: pull policy Always is satisfied by it, and it is never collected. */
  readonly pinned: boolean;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

export interface RuntimeStatus {
  readonly name: string;
  readonly version: string;
  readonly ready: boolean;
  /** Degradations and what is missing: shown at start and as node conditions. */
  readonly problems: readonly RuntimeProblem[];
}

export interface RuntimeProblem {
  readonly what: string;
  /** The command, or the step, that mends it. */
  readonly remedy: string;
  readonly fatal: boolean;
}

export interface PodSandboxConfig {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Grows with each sandbox of the same pod. */
  readonly attempt: number;
  readonly hostname: string;
  readonly dns?: DnsConfig;
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  /** One PID namespace for all containers of the pod. */
  readonly shareProcessNamespace: boolean;
  readonly portMappings: readonly PortMapping[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Containers' log paths are relative to it. */
  readonly logDirectory: string;
  /** Limits of the pod as a whole, and its place in the tree: `guaranteed`, `burstable`, `besteffort`. */
  readonly qosClass: "Guaranteed" | "Burstable" | "BestEffort";
  readonly resources: LinuxResources;
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PortMapping {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp: string;
}

export interface PodSandboxStatus {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly attempt: number;
  readonly state: "ready" | "notReady";
  readonly createdAtMs: number;
  /** Empty for host-network pods: the node's address counts. */
  readonly ips: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerConfig {
  readonly name: string;
  readonly attempt: number;
  /** An image id that `imageStatus` knows. */
  readonly imageId: string;
  /** The name in the pod's spec, for status. */
  readonly image: string;
  /** Replaces the image's entrypoint when not empty. */
  readonly command: readonly string[];
  /** Replaces the image's command when not empty; with `command` set, the image's command is dropped. */
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  /** Absent when there are none. */
  readonly imageMounts?: readonly ImageMount[];
  readonly devices: readonly Device[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Relative to the sandbox's log directory: `name/0.log`. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly resources: LinuxResources;
  readonly security: ContainerSecurity;
  readonly stopSignal?: string;
  /** A container of the same sandbox whose processes this one is to see and signal. */
  readonly targetContainerId?: string;
}

export interface Mount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly propagation: "private" | "hostToContainer" | "bidirectional";
}

/** The files of an image in a container: they can be read, neither written nor executed. */
export interface ImageMount {
  readonly containerPath: string;
  /** An image id that `imageStatus` knows. */
  readonly imageId: string;
  /** A folder or file of the image in place of all of it, when not empty. */
  readonly subPath: string;
}

export interface Device {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly permissions: string;
}

export interface LinuxResources {
  readonly cpuShares?: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly memoryLimitBytes?: number;
  readonly oomScoreAdj?: number;
  readonly cpusetCpus?: string;
  readonly pidsLimit?: number;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limitBytes: number }[];
}

export interface ContainerSecurity {
  readonly privileged: boolean;
  readonly runAsUser?: number;
  /** From the image, by name: resolved against the image's /etc/passwd. */
  readonly runAsUserName?: string;
  readonly runAsGroup?: number;
  readonly supplementalGroups: readonly number[];
  readonly readonlyRootfs: boolean;
  readonly noNewPrivileges: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly seccomp: "runtimeDefault" | "unconfined" | { readonly localhostProfile: string };
  readonly maskedPaths: boolean;
}

export interface ContainerStatus {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, `ContainerCannotRun`. */
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  readonly imageId: string;
  /** The images that it has mounted besides its own: as much in use as that. */
  readonly mountedImageIds: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Absolute path of the log. */
  readonly logPath: string;
  readonly pid: number;
}

export interface ContainerStats {
  readonly cpuUsageNs: number;
  readonly memoryWorkingSetBytes: number;
  readonly memoryUsageBytes: number;
  readonly atMs: number;
}

export interface ExecSyncResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface RuntimeEvent {
  readonly type: "started" | "stopped" | "oom";
  readonly sandboxId: string;
  readonly containerId: string;
}

export type CriErrorCode =
  | "notFound"
  | "alreadyExists"
  | "invalidArgument"
  | "failedPrecondition"
  | "unauthorized"
  | "unavailable"
  | "deadlineExceeded"
  | "resourceExhausted"
  | "unimplemented"
  | "internal";

export class CriError extends Error {
  readonly code: CriErrorCode;

  constructor(code: CriErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CriError";
    this.code = code;
  }
}
