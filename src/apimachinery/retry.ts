import type { Clock } from "./clock.ts";
import { isConflict } from "./status.ts";

export interface RetryOptions {
  /** How often the function is called at most. Defaults to 5. */
  readonly attempts?: number;
  /** Waits between the tries when given; without it they follow at once. */
  readonly clock?: Clock;
  /** Before the second try; then grows by the factor 1. Defaults to 10. */
  readonly delayMs?: number;
}

/**
 * Calls the function again while it fails with a Conflict: somebody else wrote in between. The function must read
 * the object anew each time. Throws the last conflict when all tries are used up, and any other error at once.
 */
export async function retryOnConflict<T>(
  fn: () => Promise<T>,
  { attempts = 5, clock, delayMs = 10 }: RetryOptions = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn();
    } catch (error) {
      if (!isConflict(error) || attempt >= attempts) throw error;
      if (clock !== undefined) await clock.sleep(delayMs);
    }
  }
}
