import type { Pod } from "../../api/types/core-v1.ts";
import { findCondition } from "../../apimachinery/conditions.ts";

/** Wait after the first failure; each further one doubles it, up to ten minutes. */
const firstMs = 10_000;
const longestMs = 600_000;

interface Failures {
  readonly sinceLastSuccess: number;
  readonly lastAtMs: number;
}

const none: Failures = { sinceLastSuccess: 0, lastAtMs: 0 };

/**
 * How long a Job waits before it replaces failed pods. A success forgives what failed before it. Kept in memory only:
 * after a restart the first replacement comes at once. (Mirrors pkg/controller/job/backoff_utils.go.)
 */
export class JobBackoff {
  readonly #byKey = new Map<string, Failures>();

  /** What is known once pods that ended since the last look are taken in; `record` keeps it. */
  next(key: string, succeeded: readonly Pod[], failed: readonly Pod[]): Failures {
    const before = this.#byKey.get(key) ?? none;
    const ends = failed.map(finishedAtMs);
    if (succeeded.length === 0) {
      if (failed.length === 0) return before;
      return { sinceLastSuccess: before.sinceLastSuccess + failed.length, lastAtMs: Math.max(...ends) };
    }
    const lastSuccessMs = Math.max(...succeeded.map(finishedAtMs));
    const after = ends.filter((ms) => ms > lastSuccessMs);
    return after.length === 0 ? none : { sinceLastSuccess: after.length, lastAtMs: Math.max(...after) };
  }

  record(key: string, failures: Failures): void {
    if (failures.sinceLastSuccess === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, failures);
  }

  delete(key: string): void {
    this.#byKey.delete(key);
  }
}

/** How much longer to wait after so many failures in a row, the last of them at that time. */
export function remainingBackoffMs({ sinceLastSuccess, lastAtMs }: Failures, nowMs: number): number {
  if (sinceLastSuccess === 0) return 0;
  const backoffMs = Math.min(firstMs * 2 ** Math.min(sinceLastSuccess - 1, 20), longestMs);
  return Math.max(0, lastAtMs + backoffMs - nowMs);
}

/** When the pod ended: by its containers, by its readiness, by its deletion, or else when it was made. */
export function finishedAtMs(pod: Pod): number {
  const { creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  const statuses = pod.status?.containerStatuses ?? [];
  const ends = statuses.map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ""));
  if (ends.length > 0 && !ends.some(Number.isNaN)) return Math.max(...ends);
  const ready = findCondition(pod.status?.conditions, "Ready");
  const unreadySinceMs = Date.parse(ready?.lastTransitionTime ?? "");
  if (ready?.status === "False" && !Number.isNaN(unreadySinceMs)) return unreadySinceMs;
  if (deletionTimestamp !== undefined)
    return Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return Date.parse(creationTimestamp ?? "") || 0;
}
