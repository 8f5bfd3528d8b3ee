import {
  type ContainerStatus,
  CriError,
  type PodSandboxStatus,
  type RuntimeService,
} from "../../cri/runtime.ts";

/** What the runtime holds of one pod, at one moment. */
export interface RuntimeState {
  /** Newest first. */
  readonly sandboxes: readonly PodSandboxStatus[];
  /** Newest first. */
  readonly containers: readonly ContainerStatus[];
}

export const emptyState: RuntimeState = { sandboxes: [], containers: [] };

/** The newest container of that name. */
export function newestContainer(state: RuntimeState, name: string): ContainerStatus | undefined {
  return state.containers.find((container) => container.name === name);
}

/** The newest container of that name in the given sandbox. */
export function containerIn(
  state: RuntimeState,
  sandboxId: string,
  name: string,
): ContainerStatus | undefined {
  return state.containers.find((container) => container.sandboxId === sandboxId && container.name === name);
}

export function readySandbox(state: RuntimeState): PodSandboxStatus | undefined {
  return state.sandboxes.find((sandbox) => sandbox.state === "ready");
}

/** Asks the runtime about the sandboxes of one pod. Those that are gone are left out. */
export async function readState(
  runtime: RuntimeService,
  sandboxIds: Iterable<string>,
): Promise<RuntimeState> {
  const parts = await Promise.all([...sandboxIds].map((id) => readSandbox(runtime, id)));
  const sandboxes = parts.flatMap(({ sandbox }) => (sandbox === undefined ? [] : [sandbox]));
  const containers = parts.flatMap(({ containers }) => containers);
  return sortState({ sandboxes, containers });
}

/** By the number of the attempt, and not by the time: a clock that was set back would make the last one an older one. */
export function sortState({ sandboxes, containers }: RuntimeState): RuntimeState {
  return {
    sandboxes: [...sandboxes].sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs),
    containers: [...containers].sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs),
  };
}

async function readSandbox(
  runtime: RuntimeService,
  id: string,
): Promise<{ sandbox: PodSandboxStatus | undefined; containers: ContainerStatus[] }> {
  try {
    const [sandbox, containers] = await Promise.all([
      runtime.podSandboxStatus(id),
      runtime.listContainers({ sandboxId: id }),
    ]);
    return { sandbox, containers };
  } catch (error) {
    if (error instanceof CriError && error.code === "notFound") return { sandbox: undefined, containers: [] };
    throw error;
  }
}
