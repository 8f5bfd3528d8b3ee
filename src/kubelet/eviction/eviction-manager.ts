import type { Pod } from "../../api/types/core-v1.ts";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { podRequests } from "../pods/admission.ts";
import type { PodWorker } from "../pods/pod-worker.ts";
import { type PodUsage, rankForMemory } from "./ranking.ts";
import type { EvictionThresholds, NodeSignals } from "./signals.ts";

const lookMs = 10_000;
/** A condition stays for this long after the pressure has gone, so that it does not flicker. */
const calmMs = 300_000;

export interface EvictionManagerOptions {
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly thresholds: EvictionThresholds;
  readSignals(): Promise<NodeSignals>;
  workers(): Iterable<PodWorker>;
  /** Memory that a pod's containers use now. */
  memoryOf(worker: PodWorker): Promise<number>;
  /** Frees disk by removing images that nobody uses; returns the bytes. */
  freeImages(): Promise<number>;
  /** The conditions have changed: tell at once. */
  onChange(): void;
}

/** Watches over what is left on the node; under pressure it removes images, then ends pods, one at a time. */
export class EvictionManager {
  readonly #options: EvictionManagerOptions;
  /** Condition type → when it was last under pressure. */
  readonly #pressedMs = new Map<string, number>();
  #timer: Timer | undefined;
  #looking = false;

  constructor(options: EvictionManagerOptions) {
    this.#options = options;
  }

  /** The node conditions that are true now. */
  get pressures(): ReadonlyMap<string, string> {
    return new Map([...this.#pressedMs.keys()].map((type) => [type, ""]));
  }

  start(): void {
    this.#timer = this.#options.clock.every(lookMs, () => {
      if (this.#looking) return;
      this.#looking = true;
      this.look()
        .catch((error: unknown) =>
          this.#options.logger.warn("looking for pressure failed", { error: String(error) }),
        )
        .finally(() => (this.#looking = false));
    });
  }

  stop(): void {
    this.#timer?.stop();
  }

  /** Whether a pod may be let in under the present pressure. Mirrors Admit of pkg/kubelet/eviction. */
  refusal(pod: Pod): { reason: string; message: string } | undefined {
    const types = [...this.#pressedMs.keys()];
    if (types.length === 0 || (pod.spec?.priority ?? 0) >= 2_000_000_000) return undefined;
    const onlyMemory = types.length === 1 && types[0] === "MemoryPressure";
    if (onlyMemory && podRequests(pod).has("memory")) return undefined;
    return { reason: "Evicted", message: `The node had condition: [${types.join(" ")}]. ` };
  }

  /** One look, and what follows from it. */
  async look(): Promise<void> {
    const { thresholds, clock } = this.#options;
    const signals = await this.#options.readSignals();
    const before = [...this.#pressedMs.keys()].join();
    const nowMs = clock.now();
    this.#note("MemoryPressure", signals.memoryAvailableBytes < thresholds.memoryAvailableBytes, nowMs);
    this.#note("PIDPressure", signals.pidsAvailable < thresholds.pidsAvailable, nowMs);
    let short = signals.diskAvailableBytes < thresholds.diskAvailableBytes;
    if (short)
      short = signals.diskAvailableBytes + (await this.#options.freeImages()) < thresholds.diskAvailableBytes;
    this.#note("DiskPressure", short, nowMs);
    if ([...this.#pressedMs.keys()].join() !== before) this.#options.onChange();
    if (signals.memoryAvailableBytes < thresholds.memoryAvailableBytes) await this.#evict(signals);
  }

  #note(type: string, pressed: boolean, nowMs: number): void {
    if (pressed) this.#pressedMs.set(type, nowMs);
    else if (nowMs - (this.#pressedMs.get(type) ?? nowMs) >= calmMs) this.#pressedMs.delete(type);
  }

  async #evict({ memoryAvailableBytes }: NodeSignals): Promise<void> {
    const { thresholds, events } = this.#options;
    const usages: (PodUsage & { worker: PodWorker })[] = [];
    for (const worker of this.#options.workers()) {
      if (worker.ended || worker.pod.metadata.deletionTimestamp !== undefined) continue;
      usages.push({ worker, pod: worker.pod, memoryBytes: await this.#options.memoryOf(worker) });
    }
    const [first] = rankForMemory(usages);
    const worker = usages.find(({ pod }) => pod === first?.pod)?.worker;
    if (first === undefined || worker === undefined) return;
    const mebi = (bytes: number): string => `${Math.round(bytes / 2 ** 20)}Mi`;
    const request = Number(podRequests(first.pod).get("memory")?.value() ?? 0n);
    const message =
      `The node was low on resource: memory. Threshold quantity: ${mebi(thresholds.memoryAvailableBytes)}, ` +
      `available: ${mebi(memoryAvailableBytes)}. ` +
      (first.memoryBytes > request
        ? `The pod was using ${mebi(first.memoryBytes)}, request is ${mebi(request)}, has larger consumption of memory. `
        : "");
    events.event(first.pod, "Warning", "Evicted", message);
    worker.end({ reason: "Evicted", message });
  }
}
