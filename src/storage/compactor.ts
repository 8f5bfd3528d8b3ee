import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { Storage } from "./storage.ts";

/** How long history is kept: between one and two of these. kube-apiserver's `--etcd-compaction-interval`. */
export const compactionIntervalMs = 5 * 60_000;

/**
 * Forgets, every interval, the history from before the interval, so that a store does not grow without end and a client
 * that was away for a while can still resume its watch. One that fails is tried again an interval later.
 */
export function startCompactor({
  storage,
  clock,
  logger,
  signal,
  intervalMs = compactionIntervalMs,
}: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly intervalMs?: number;
}): void {
  let intervalAgo: number | undefined;
  async function compact(): Promise<void> {
    const revision = await storage.revision();
    if (intervalAgo !== undefined && intervalAgo > (await storage.compactedRevision())) {
      await storage.compact(intervalAgo);
    }
    intervalAgo = revision;
  }
  const tick = (): void => {
    compact().catch((error: unknown) => {
      if (!signal.aborted) logger.error("history was not compacted", { error: String(error) });
    });
  };
  tick();
  const timer = clock.every(intervalMs, tick);
  signal.addEventListener("abort", () => timer.stop(), { once: true });
}
