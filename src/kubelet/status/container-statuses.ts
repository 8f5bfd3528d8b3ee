import type {
  ContainerState,
  ContainerStateWaiting,
  ContainerStatus,
  Pod,
  VolumeMount,
  VolumeMountStatus,
} from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import type { ContainerStatus as RuntimeContainer } from "../../cri/runtime.ts";
import { normalizeReference } from "../../images/reference.ts";
import { type PodContainer, shouldRestart } from "../pods/pod-spec.ts";
import type { RuntimeState } from "../pods/runtime-state.ts";

/** What the status of containers is made of, besides the pod itself. Nothing in it is changed. */
export interface StatusSources {
  readonly state: RuntimeState;
  /** Why a container could not start, by its name: ImagePullBackOff, CreateContainerConfigError, … */
  readonly waiting: ReadonlyMap<string, ContainerStateWaiting>;
  readonly probes: ProbeResults;
  /** `crun`: the scheme of container ids. */
  readonly runtimeName: string;
  /** The digest under which an image is known, by its id. */
  imageDigest(imageId: string): string;
  /** Messages that containers left behind, by container id. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  /** True once the pod is being ended: nothing will start again. */
  readonly ending: boolean;
}

export interface ProbeResults {
  /** Whether a running container has passed its startup probe; true when it has none. */
  started(containerId: string): boolean;
  /** Whether a started container passes its readiness probe; true when it has none. */
  ready(containerId: string): boolean;
}

/** One status for each of the given containers, in their order, as `kubectl get -o yaml` shows them. */
export function containerStatuses(
  pod: Pod,
  containers: readonly PodContainer[],
  sources: StatusSources,
): ContainerStatus[] {
  return containers.map((container) => containerStatus(pod, container, sources));
}

/** What the runtime made of the image's name, as it reports it once there is a container: `docker.io/library/nginx:latest`. */
function resolvedName(image: string): string {
  try {
    return normalizeReference(image);
  } catch {
    return image;
  }
}

function containerStatus(pod: Pod, entry: PodContainer, sources: StatusSources): ContainerStatus {
  const { container, kind } = entry;
  const past = sources.state.containers.filter(({ name }) => name === container.name);
  const [newest, previous] = past;
  const waiting = sources.waiting.get(container.name);
  const status: ContainerStatus = {
    name: container.name,
    state:
      newest === undefined ? { waiting: waiting ?? defaultWaiting(pod, entry) } : stateOf(newest, sources),
    lastState: previous?.state === "exited" ? stateOf(previous, sources) : {},
    ready: false,
    restartCount: newest?.attempt ?? 0,
    image: newest === undefined ? (container.image ?? "") : resolvedName(newest.image),
    imageID: newest === undefined ? "" : sources.imageDigest(newest.imageId),
  };
  if (newest === undefined) {
    const before = priorStatus(pod, entry);
    if (before !== undefined) status.restartCount = before.restartCount;
  } else status.containerID = `${sources.runtimeName}://${newest.id}`;
  if (newest?.state === "created") status.state = { waiting: waiting ?? defaultWaiting(pod, entry) };
  if (
    newest?.state === "exited" &&
    waiting !== undefined &&
    !sources.ending &&
    restarts(pod, entry, newest)
  ) {
    status.lastState = status.state;
    status.state = { waiting };
  }
  setReadiness(status, kind, newest, sources.probes);
  addResources(status, entry, newest);
  const mounts = (container.volumeMounts ?? []).map(mountStatus);
  if (mounts.length > 0) status.volumeMounts = mounts;
  return status;
}

function restarts(pod: Pod, entry: PodContainer, newest: RuntimeContainer): boolean {
  return shouldRestart(pod, entry, newest.exitCode);
}

/** The status that the API server still has: after a reboot the runtime has forgotten the container, we have not. */
function priorStatus(pod: Pod, { container }: PodContainer): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  return [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === container.name);
}

function defaultWaiting(pod: Pod, { kind }: PodContainer): ContainerStateWaiting {
  const initializing = (pod.spec?.initContainers ?? []).length > 0 && kind !== "ephemeral";
  return { reason: initializing ? "PodInitializing" : "ContainerCreating" };
}

function stateOf(container: RuntimeContainer, sources: StatusSources): ContainerState {
  if (container.state === "running") return { running: { startedAt: formatTime(container.startedAtMs) } };
  if (container.state !== "exited") return {};
  const message =
    container.message === "" ? sources.terminationMessages.get(container.id) : container.message;
  const startedAtMs = container.startedAtMs === 0 ? container.createdAtMs : container.startedAtMs;
  return {
    terminated: {
      exitCode: container.exitCode,
      reason: container.reason === "" ? (container.exitCode === 0 ? "Completed" : "Error") : container.reason,
      ...(message === undefined || message === "" ? {} : { message }),
      startedAt: formatTime(startedAtMs),
      finishedAt: formatTime(container.finishedAtMs === 0 ? startedAtMs : container.finishedAtMs),
      containerID: `${sources.runtimeName}://${container.id}`,
    },
  };
}

function setReadiness(
  status: ContainerStatus,
  kind: PodContainer["kind"],
  newest: RuntimeContainer | undefined,
  probes: ProbeResults,
): void {
  if (kind === "ephemeral") return;
  if (kind === "init") {
    status.ready = status.state?.terminated?.exitCode === 0;
    status.started = status.state?.running !== undefined;
    return;
  }
  const started = status.state?.running !== undefined && newest !== undefined && probes.started(newest.id);
  status.started = started;
  status.ready = started && newest !== undefined && probes.ready(newest.id);
}

function addResources(
  status: ContainerStatus,
  { container }: PodContainer,
  newest: RuntimeContainer | undefined,
): void {
  const { requests, limits } = container.resources ?? {};
  if (newest === undefined) return;
  if (requests !== undefined) status.allocatedResources = { ...requests };
  const resources = {
    ...(limits === undefined ? {} : { limits: { ...limits } }),
    ...(requests === undefined ? {} : { requests: { ...requests } }),
  };
  if (newest.state === "running") status.resources = resources;
}

function mountStatus({ name, mountPath, readOnly }: VolumeMount): VolumeMountStatus {
  return readOnly === true
    ? { name, mountPath, readOnly, recursiveReadOnly: "Disabled" }
    : { name, mountPath };
}
