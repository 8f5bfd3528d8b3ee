import type { Pod } from "../api/types/core-v1.ts";
import { newBadRequest, newInternalError, newNotFound } from "../apimachinery/status.ts";
import { CriError, type ContainerStatus as RuntimeContainer, type RuntimeEvent } from "../cri/runtime.ts";
import type {
  AttachOptions,
  ByteStream,
  ContainerTarget,
  ExecOptions,
  ExecResult,
  LogOptions,
  NodeConnection,
  PodTarget,
  TerminalStreams,
} from "../streaming/node-connection.ts";
import { readLog } from "./logs/read-log.ts";
import type { NodeContext } from "./node-context.ts";
import { findContainer } from "./pods/pod-spec.ts";
import type { PodWorker } from "./pods/pod-worker.ts";
import { readySandbox } from "./pods/runtime-state.ts";

export interface NodeStreamsOptions {
  readonly context: NodeContext;
  findWorker(uid: string): PodWorker | undefined;
  /** Calls back for each event of the runtime; returns what ends it. */
  onRuntimeEvent(listener: (event: RuntimeEvent) => void): () => void;
}

/** Logs, exec, attach and port-forward of the pods on this node. */
export class NodeStreams implements NodeConnection {
  readonly #options: NodeStreamsOptions;

  constructor(options: NodeStreamsOptions) {
    this.#options = options;
  }

  async logs(
    target: ContainerTarget,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const worker = this.#worker(target);
    const container = this.#logContainer(worker, target, options.previous === true);
    const { runtime, clock } = this.#options.context.options;
    return readLog({
      files: this.#options.context.logs,
      path: container.logPath,
      options,
      nowMs: clock.now(),
      signal,
      isRunning: async () => {
        const status = await runtime.containerStatus(container.id).catch(() => undefined);
        return status?.state === "running" || status?.state === "created";
      },
      onEnd: (notify) =>
        this.#options.onRuntimeEvent((event) => {
          if (event.containerId === container.id && event.type === "stopped") notify();
        }),
    });
  }

  async exec(
    target: ContainerTarget,
    { command, tty }: ExecOptions,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<ExecResult> {
    const { id } = this.#runningContainer(target);
    const { runtime } = this.#options.context.options;
    return runtime.exec(id, command, tty, streams, signal).catch(asStatusError);
  }

  async attach(
    target: ContainerTarget,
    { tty }: AttachOptions,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<void> {
    const { id } = this.#runningContainer(target);
    const { runtime } = this.#options.context.options;
    return runtime.attach(id, tty, streams, signal).catch(asStatusError);
  }

  async portForward(target: PodTarget, port: number, signal: AbortSignal): Promise<ByteStream> {
    const worker = this.#worker(target);
    const sandbox = readySandbox(worker.state);
    if (sandbox === undefined) throw newNotFound({ group: "", resource: "pods" }, target.pod);
    const { runtime } = this.#options.context.options;
    return runtime.portForward(sandbox.id, port, signal).catch(asStatusError);
  }

  #worker({ podUid, pod }: PodTarget): PodWorker {
    const worker = this.#options.findWorker(podUid);
    if (worker === undefined) throw newNotFound({ group: "", resource: "pods" }, pod);
    return worker;
  }

  /** Mirrors validateContainerLogStatus of pkg/kubelet/kubelet_pods.go, also in its words. */
  #logContainer(worker: PodWorker, target: ContainerTarget, previous: boolean): RuntimeContainer {
    const { container: name, pod } = target;
    if (findContainer(worker.pod, name) === undefined) {
      throw newBadRequest(`container ${name} is not valid for pod ${pod}`);
    }
    const [newest, before] = worker.state.containers.filter((container) => container.name === name);
    const waiting = waitingReason(worker.pod, name);
    if (previous) {
      // A container that waits to be started again has its last log as the previous one.
      const last = newest?.state === "exited" && waiting !== undefined ? newest : before;
      if (last !== undefined) return last;
      throw newBadRequest(`previous terminated container "${name}" in pod "${pod}" not found`);
    }
    if (newest !== undefined && newest.state !== "created") return newest;
    throw newBadRequest(
      waiting === "ErrImagePull" || waiting === "ImagePullBackOff"
        ? `container "${name}" in pod "${pod}" is waiting to start: ${imageTrouble[waiting]}`
        : `container "${name}" in pod "${pod}" is waiting to start: ${waiting ?? "ContainerCreating"}`,
    );
  }

  #runningContainer(target: ContainerTarget): RuntimeContainer {
    const worker = this.#worker(target);
    const found = worker.state.containers.find(
      ({ name, state }) => name === target.container && state === "running",
    );
    if (found !== undefined) return found;
    throw newInternalError(
      new Error(`unable to upgrade connection: container not found ("${target.container}")`),
    );
  }
}

const imageTrouble = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: "trying and failing to pull image",
};

function waitingReason({ status }: Pod, name: string): string | undefined {
  const {
    containerStatuses = [],
    initContainerStatuses = [],
    ephemeralContainerStatuses = [],
  } = status ?? {};
  const all = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
  return all.find((container) => container.name === name)?.state?.waiting?.reason;
}

function asStatusError(error: unknown): never {
  if (error instanceof CriError && error.code === "notFound") {
    throw newNotFound({ group: "", resource: "pods" }, error.message);
  }
  throw error instanceof CriError ? newInternalError(error) : error;
}
