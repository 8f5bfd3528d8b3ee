import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../apimachinery/clock.ts";

export interface IdleMemoryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** CPU time of this process so far. */
  readonly cpuMs: () => number;
  /** Memory of this process. */
  readonly residentBytes: () => number;
  readonly collect: () => Promise<void>;
}

const intervalMs = 2_000;
/** A server that does less than this in an interval is quiet: at rest it takes a few milliseconds. */
const quietMs = 60;
/** Less work than this leaves nothing behind that is worth a pause. */
const worthwhileMs = 1_000;
/** … unless it left so much: a start that reads many large objects is over in less. */
const worthwhileBytes = 32 * 1024 * 1024;
/** What a server without anything in it takes at most. */
const usualBytes = 150 * 1024 * 1024;

/**
 * Collects garbage once after each stretch of work, when the server has been quiet for some seconds. V8 collects when memory
 * is asked for, so after a burst it would keep what nobody needs until the next one.
 */
export function collectWhenIdle({ clock, signal, cpuMs, residentBytes, collect }: IdleMemoryOptions): void {
  let lastMs = cpuMs();
  let collectedAtMs = 0;
  let collectedAtBytes = usualBytes;
  let quietIntervals = 0;
  let isCollecting = false;
  const timer = clock.every(intervalMs, () => {
    const nowMs = cpuMs();
    quietIntervals = nowMs - lastMs < quietMs ? quietIntervals + 1 : 0;
    lastMs = nowMs;
    if (isCollecting || quietIntervals < 2) return;
    const isMuch = nowMs - collectedAtMs >= worthwhileMs;
    if (!isMuch && residentBytes() - collectedAtBytes < worthwhileBytes) return;
    isCollecting = true;
    void collect().finally(() => {
      isCollecting = false;
      lastMs = cpuMs();
      // What the collection itself took is no work that leaves garbage.
      collectedAtMs = lastMs;
      collectedAtBytes = Math.max(usualBytes, residentBytes());
    });
  });
  signal.addEventListener("abort", () => timer.stop(), { once: true });
}

/** Collects everything that can be, and gives the memory back to the system. Takes some tenths of a second. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  // V8 has no other way to its collector; the flag makes the function appear in contexts that are made from now on.
  const collect = runInNewContext("gc") as (options: { type: string; flavor: string }) => void;
  collect({ type: "major", flavor: "last-resort" });
  const { trimMemory } = await import("../linux/malloc-trim.ts");
  trimMemory();
}

/** CPU time of all threads of this process, in milliseconds. */
export function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
