import type { Pod } from "../../api/types/core-v1.ts";
import type { ImageInfo, PodSandboxStatus, ContainerStatus as RuntimeContainer } from "../../cri/runtime.ts";
import { formatDuration } from "../images/duration.ts";
import type { ImageVolumes } from "../images/image-volumes.ts";
import type { NodeContext } from "../node-context.ts";
import { StartError } from "../start-error.ts";
import type { MountedImages, MountedVolumes } from "../volumes/container-mounts.ts";
import { GraceDeadline } from "./grace-deadline.ts";
import { killContainer } from "./kill-containers.ts";
import { containerFieldPath, containerHash, formatPod, graceSeconds, type PodContainer } from "./pod-spec.ts";

export interface StartRequest {
  readonly pod: Pod;
  readonly entry: PodContainer;
  readonly sandbox: PodSandboxStatus;
  /** The newest container of that name, if there was one. */
  readonly last: RuntimeContainer | undefined;
  /** The container whose processes it is to see, if the spec names one that is there. */
  readonly target?: RuntimeContainer | undefined;
  readonly volumes: MountedVolumes;
  /** What became of the images of the pod's volumes. */
  readonly imageVolumes: ImageVolumes;
  readonly signal: AbortSignal;
}

/**
 * Pulls, creates and starts one container and runs its postStart hook, telling of each step in events. Rejects with
 * StartError, whose reason is what the container then waits for.
 */
export async function startContainer(context: NodeContext, request: StartRequest): Promise<void> {
  const { pod, entry, sandbox, volumes, signal } = request;
  const { runtime, events } = context.options;
  const field = containerFieldPath(entry);
  const fail = (reason: string, message: string): never => {
    events.event(pod, "Warning", "Failed", `Error: ${message}`, field);
    throw new StartError(reason, message);
  };
  holdBackCrashing(context, request);
  const imageVolumes = mountedImages(request, (error) =>
    events.event(pod, "Warning", "Failed", `Error: ${error.reason}`, field),
  );
  const wanted = {
    image: entry.container.image ?? "",
    policy: entry.container.imagePullPolicy,
    fieldPath: field,
  };
  const image = await context.puller.ensure(pod, wanted, signal).catch((error: unknown) => {
    if (error instanceof StartError) events.event(pod, "Warning", "Failed", `Error: ${error.reason}`, field);
    throw error;
  });
  const attempt = attemptOf(request);
  const podIps = sandbox.ips;
  if (entry.target !== undefined && request.target === undefined)
    fail("CreateContainerConfigError", `unable to find target container ${entry.target}`);
  const targetContainerId = request.target?.id;
  const config = await context.configs
    .build({
      pod,
      entry,
      attempt,
      image,
      podIps,
      volumes,
      imageVolumes,
      ...(targetContainerId === undefined ? {} : { targetContainerId }),
    })
    .catch((error: StartError) => fail(error.reason, error.message));
  signal.throwIfAborted();
  const id = await runtime
    .createContainer(sandbox.id, config)
    .catch((error: Error) => fail("CreateContainerError", error.message));
  events.event(pod, "Normal", "Created", "Container created", field);
  await runtime
    .startContainer(id)
    .catch((error: Error) => fail("RunContainerError", error.message.replaceAll(id, config.name)));
  events.event(pod, "Normal", "Started", "Container started", field);
  await runPostStart(context, request, id);
}

/** The images of the volumes that the container mounts; throws the last error of those that could not be had. */
function mountedImages(
  { entry, imageVolumes }: StartRequest,
  onError: (error: StartError) => void,
): MountedImages {
  const images = new Map<string, ImageInfo>();
  let failure: StartError | undefined;
  for (const { name } of entry.container.volumeMounts ?? []) {
    const image = imageVolumes.get(name);
    if (image instanceof StartError) {
      onError(image);
      failure = image;
    } else if (image !== undefined) images.set(name, image);
  }
  if (failure !== undefined) throw failure;
  return images;
}

/** Rejects while a container that keeps ending has to wait. Mirrors doBackOff of pkg/kubelet/kuberuntime. */
function holdBackCrashing(context: NodeContext, { pod, entry, last }: StartRequest): void {
  if (last?.state !== "exited") return;
  const { clock, events } = context.options;
  const key = crashKey(pod, entry);
  const nowMs = clock.now();
  // One that ran for long enough starts over.
  context.crashes.collectGarbage(last.finishedAtMs);
  if (!context.crashes.isWaiting(key, last.finishedAtMs, nowMs)) {
    context.crashes.next(key, nowMs);
    return;
  }
  const { name } = entry.container;
  const what = `Back-off restarting failed container ${name} in pod ${formatPod(pod)}`;
  events.event(pod, "Warning", "BackOff", what, containerFieldPath(entry));
  const delay = formatDuration(context.crashes.current(key));
  throw new StartError(
    "CrashLoopBackOff",
    `back-off ${delay} restarting failed container=${name} pod=${formatPod(pod)}`,
  );
}

/** When a container that keeps ending may start again; undefined when it need not wait. */
export function crashRetryAtMs(
  context: NodeContext,
  pod: Pod,
  entry: PodContainer,
  last: RuntimeContainer | undefined,
): number | undefined {
  const delayMs = context.crashes.current(crashKey(pod, entry));
  return last?.state === "exited" && delayMs > 0 ? last.finishedAtMs + delayMs : undefined;
}

function crashKey(pod: Pod, { container }: PodContainer): string {
  return `${pod.metadata.uid}/${container.name}/${containerHash(container)}`;
}

/** Counts on from the last container; when the runtime has forgotten it, from what the API server still knows. */
function attemptOf({ pod, entry, last }: StartRequest): number {
  if (last !== undefined) return last.attempt + 1;
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const known = [...containerStatuses, ...initContainerStatuses].find(
    ({ name }) => name === entry.container.name,
  );
  return known?.containerID === undefined || known.containerID === "" ? 0 : known.restartCount + 1;
}

async function runPostStart(context: NodeContext, request: StartRequest, containerId: string): Promise<void> {
  const { pod, entry, sandbox, signal } = request;
  const handler = entry.container.lifecycle?.postStart;
  if (handler === undefined) return;
  const podIp = sandbox.ips[0] ?? context.hostIps[0] ?? "";
  try {
    await context.hooks.run(handler, { pod, container: entry.container, containerId, podIp }, signal);
  } catch (error) {
    signal.throwIfAborted();
    const { runtime, events, clock } = context.options;
    events.event(pod, "Warning", "FailedPostStartHook", "PostStartHook failed", containerFieldPath(entry));
    const container = await runtime.containerStatus(containerId);
    const deadline = new GraceDeadline(clock, graceSeconds(pod));
    await killContainer(context, container, { pod, podIp, deadline, message: "FailedPostStartHook" });
    throw new StartError("PostStartHookError", error instanceof Error ? error.message : String(error));
  }
}
