import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Container, Pod } from "../../api/types/core-v1.ts";
import { stableStringify } from "../../apimachinery/hash.ts";
import type { ContainerConfig, Device, ImageInfo, Mount } from "../../cri/runtime.ts";
import type { Paths } from "../paths.ts";
import { hashAnnotation } from "../pods/actions.ts";
import { containerHash, type PodContainer, restartPolicyOf } from "../pods/pod-spec.ts";
import { containerResources } from "../pods/qos.ts";
import type { ObjectSources } from "../sources.ts";
import { StartError } from "../start-error.ts";
import {
  containerMounts,
  imageMounts,
  type MountedImages,
  type MountedVolumes,
} from "../volumes/container-mounts.ts";
import { containerEnvironment } from "./environment.ts";
import { expand } from "./expansion.ts";
import type { FieldSources } from "./field-paths.ts";
import { containerSecurity, rootRefusal } from "./security.ts";

export interface ContainerConfigsOptions {
  readonly sources: ObjectSources;
  readonly paths: Paths;
  readonly nodeName: string;
  readonly hostIps: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
  readonly memoryCapacityBytes: number;
  /** False on a node that pretends: nothing is written and no file is mounted. */
  readonly disk: boolean;
}

export interface ContainerRequest {
  readonly pod: Pod;
  readonly entry: PodContainer;
  readonly attempt: number;
  readonly image: ImageInfo;
  readonly podIps: readonly string[];
  readonly volumes: MountedVolumes;
  readonly imageVolumes: MountedImages;
  readonly targetContainerId?: string;
}

/** The annotation by which the simulated runtime knows containers that are to end by themselves. */
const runToCompletion = "sampan.dev/run-to-completion";

/** What the container was given at its creation: resources may change while it runs. */
export const resourcesAnnotation = "sampan.dev/resources";

/** A container's resources as a text that is equal when they are. */
export function resourcesText({ resources }: Container): string {
  return stableStringify({ requests: resources?.requests ?? {}, limits: resources?.limits ?? {} });
}

/** Makes what the runtime is told about a container out of the pod's spec. */
export class ContainerConfigs {
  readonly #options: ContainerConfigsOptions;

  constructor(options: ContainerConfigsOptions) {
    this.#options = options;
  }

  /** Rejects with StartError CreateContainerConfigError when the spec cannot be met yet. */
  async build(request: ContainerRequest): Promise<ContainerConfig> {
    const { pod, entry, image } = request;
    const refusal = rootRefusal(pod, entry.container, image);
    if (refusal !== undefined) throw new StartError("CreateContainerConfigError", refusal);
    try {
      return await this.#build(request);
    } catch (error) {
      throw new StartError(
        "CreateContainerConfigError",
        error instanceof Error ? error.message : String(error),
      );
    }
  }

  /** What fields of a pod's objects are read from. */
  fields(podIps: readonly string[]): FieldSources {
    const { nodeName, hostIps, allocatable } = this.#options;
    return { nodeName, hostIps, podIps, allocatable };
  }

  async #build(request: ContainerRequest): Promise<ContainerConfig> {
    const { pod, entry, attempt, image, podIps, imageVolumes, targetContainerId } = request;
    const { sources, paths, memoryCapacityBytes } = this.#options;
    const { container } = entry;
    const ips = pod.spec?.hostNetwork === true ? this.#options.hostIps : podIps;
    const env = await containerEnvironment(pod, container, sources, this.fields(ips));
    const values = new Map(env.map(({ name, value }) => [name, value]));
    const variable = (name: string): string | undefined => values.get(name);
    const put = (text: string): string => expand(text, variable);
    return {
      name: container.name,
      attempt,
      imageId: image.id,
      image: container.image ?? "",
      command: (container.command ?? []).map(put),
      args: (container.args ?? []).map(put),
      workingDir: container.workingDir ?? "",
      env,
      mounts: await this.#mounts(request, variable),
      imageMounts: imageMounts(container, imageVolumes, variable),
      devices: devicesOf(container, request.volumes),
      labels: containerLabels(pod, container),
      annotations: annotationsOf(pod, entry),
      logPath: paths.logPath(container.name, attempt),
      stdin: container.stdin ?? false,
      stdinOnce: container.stdinOnce ?? false,
      tty: container.tty ?? false,
      resources: containerResources(pod, container, memoryCapacityBytes),
      security: containerSecurity(pod, container, image),
      ...(container.lifecycle?.stopSignal === undefined
        ? {}
        : { stopSignal: container.lifecycle.stopSignal }),
      ...(targetContainerId === undefined ? {} : { targetContainerId }),
    };
  }

  async #mounts(
    { pod, entry: { container }, attempt, volumes, imageVolumes }: ContainerRequest,
    variable: (name: string) => string | undefined,
  ): Promise<Mount[]> {
    if (!this.#options.disk) return [];
    const { paths } = this.#options;
    const uid = pod.metadata.uid ?? "";
    const mounts = await containerMounts(container, volumes, imageVolumes, variable);
    const taken = new Set((container.volumeMounts ?? []).map(({ mountPath }) => mountPath));
    if (!taken.has("/etc/hosts")) {
      mounts.push({
        containerPath: "/etc/hosts",
        hostPath: paths.etcHosts(uid),
        readonly: false,
        propagation: "private",
      });
    }
    const messagePath = container.terminationMessagePath ?? "/dev/termination-log";
    if (messagePath !== "") {
      const hostPath = paths.terminationMessage(uid, container.name, attempt);
      await mkdir(dirname(hostPath), { recursive: true });
      const file = await open(hostPath, "w", 0o666);
      // The mask of this process must not keep other users from writing.
      await file.chmod(0o666);
      await file.close();
      mounts.push({ containerPath: messagePath, hostPath, readonly: false, propagation: "private" });
    }
    return mounts;
  }
}

/** By these labels a restarted kubelet, and tools on the node, know whose a container is. */
export function podLabels(pod: Pod): Record<string, string> {
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  return {
    "io.kubernetes.pod.name": name,
    "io.kubernetes.pod.namespace": namespace,
    "io.kubernetes.pod.uid": uid,
  };
}

function containerLabels(pod: Pod, container: Container): Record<string, string> {
  return { ...podLabels(pod), "io.kubernetes.container.name": container.name };
}

function annotationsOf(pod: Pod, { kind, container }: PodContainer): Record<string, string> {
  const completes = kind === "init" || (kind === "container" && restartPolicyOf(pod) !== "Always");
  return {
    [hashAnnotation]: containerHash(container),
    [resourcesAnnotation]: resourcesText(container),
    "io.kubernetes.container.terminationMessagePath":
      container.terminationMessagePath ?? "/dev/termination-log",
    ...(completes ? { [runToCompletion]: "true" } : {}),
  };
}

function devicesOf(container: Container, volumes: MountedVolumes): Device[] {
  return (container.volumeDevices ?? []).flatMap(({ name, devicePath }) => {
    const volume = volumes.get(name);
    if (volume === undefined) return [];
    return [
      { containerPath: devicePath, hostPath: volume.hostPath, permissions: volume.readOnly ? "r" : "mrw" },
    ];
  });
}
