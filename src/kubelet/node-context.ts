import type { Pod } from "../api/types/core-v1.ts";
import type { KeyedBackoff } from "../apimachinery/backoff.ts";
import type { ContainerConfigs } from "./environment/container-configs.ts";
import type { ImageDigests } from "./images/image-digests.ts";
import type { ImagePuller } from "./images/image-puller.ts";
import type { KubeletOptions, LogFiles, ProbeNetwork } from "./options.ts";
import type { Paths } from "./paths.ts";
import type { HookRunner } from "./pods/hooks.ts";
import type { ProbeManager } from "./probes/probe-manager.ts";
import type { StatusManager } from "./status/status-manager.ts";
import type { TokenCache } from "./volumes/token-cache.ts";
import type { VolumeManager } from "./volumes/volume-manager.ts";

/** What the workers of one kubelet share. */
export interface NodeContext {
  readonly options: KubeletOptions;
  /** Aborted when the kubelet stops. */
  readonly signal: AbortSignal;
  readonly paths: Paths;
  readonly statuses: StatusManager;
  readonly probes: ProbeManager;
  readonly hooks: HookRunner;
  readonly puller: ImagePuller;
  readonly digests: ImageDigests;
  readonly volumes: VolumeManager;
  readonly configs: ContainerConfigs;
  readonly tokens: TokenCache;
  readonly logs: LogFiles;
  readonly network: ProbeNetwork;
  /** Delays of containers that crash, by pod uid and container name. */
  readonly crashes: KeyedBackoff<string>;
  /** `crun`, `simulated`: the scheme of container ids. */
  readonly runtimeName: string;
  readonly hostIps: readonly string[];
  readonly memoryCapacityBytes: number;
  /** Undefined when the pod may run here, else why not. */
  admit(pod: Pod): Rejection | undefined;
  /** The names of those imagePullSecrets that do not exist. */
  missingPullSecrets(pod: Pod): Promise<string[]>;
}

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}
