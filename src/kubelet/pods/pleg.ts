import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { ContainerStatus, PodSandboxStatus, RuntimeEvent, RuntimeService } from "../../cri/runtime.ts";
import { type RuntimeState, sortState } from "./runtime-state.ts";

/** Events may be lost, so everything is listed this often. */
const relistMs = 30_000;

export interface PlegOptions {
  readonly runtime: RuntimeService;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Something of the sandbox has changed. */
  readonly onChange: (sandboxId: string) => void;
  /** All that the runtime holds, by pod uid; for finding what nobody asked for. */
  readonly onRelist: (pods: ReadonlyMap<string, RuntimeState>) => void;
}

/**
 * The pod lifecycle event generator: turns what happens in the runtime into wake-ups, from its events and from
 * comparing one full listing with the next.
 */
export class Pleg {
  readonly #options: PlegOptions;
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  /** A digest of each sandbox's state at the last listing. */
  #seen = new Map<string, string>();
  #timer: Timer | undefined;
  #listing = false;

  constructor(options: PlegOptions) {
    this.#options = options;
  }

  /** Begins to listen; the first listing is the caller's, through `list`. */
  start(): void {
    const { clock, signal } = this.#options;
    void this.#listen();
    this.#timer = clock.every(relistMs, () => void this.#relist());
    signal.addEventListener("abort", () => this.#timer?.stop(), { once: true });
  }

  onEvent(listener: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Everything in the runtime, by pod uid. */
  async list(): Promise<Map<string, RuntimeState>> {
    const { runtime } = this.#options;
    const [sandboxes, containers] = await Promise.all([runtime.listPodSandboxes(), runtime.listContainers()]);
    const pods = new Map<string, { sandboxes: PodSandboxStatus[]; containers: ContainerStatus[] }>();
    const owner = new Map<string, string>();
    for (const sandbox of sandboxes) {
      owner.set(sandbox.id, sandbox.uid);
      const pod = pods.get(sandbox.uid) ?? { sandboxes: [], containers: [] };
      pod.sandboxes.push(sandbox);
      pods.set(sandbox.uid, pod);
    }
    for (const container of containers)
      pods.get(owner.get(container.sandboxId) ?? "")?.containers.push(container);
    this.#compare(sandboxes, containers);
    return new Map([...pods].map(([uid, state]) => [uid, sortState(state)]));
  }

  async #listen(): Promise<void> {
    const { runtime, signal, clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        for await (const event of runtime.events(signal)) {
          for (const listener of this.#listeners) listener(event);
          this.#options.onChange(event.sandboxId);
        }
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("listening to the runtime failed", { error: String(error) });
      }
      await clock.sleep(1_000, signal).catch(() => undefined);
    }
  }

  async #relist(): Promise<void> {
    if (this.#listing) return;
    this.#listing = true;
    try {
      this.#options.onRelist(await this.list());
    } catch (error) {
      this.#options.logger.warn("listing the runtime failed", { error: String(error) });
    } finally {
      this.#listing = false;
    }
  }

  #compare(sandboxes: readonly PodSandboxStatus[], containers: readonly ContainerStatus[]): void {
    const now = new Map<string, string>(sandboxes.map(({ id, state }) => [id, state]));
    for (const { sandboxId, id, state } of containers) {
      now.set(sandboxId, `${now.get(sandboxId) ?? ""} ${id}=${state}`);
    }
    const before = this.#seen;
    this.#seen = now;
    for (const [id, digest] of now) if (before.get(id) !== digest) this.#options.onChange(id);
    for (const id of before.keys()) if (!now.has(id)) this.#options.onChange(id);
  }
}
