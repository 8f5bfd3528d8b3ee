import type { Logger } from "../apimachinery/logger.ts";

/** The part of a process that tells of promises that failed and that nobody waits for. */
export interface FailureSource {
  on(event: "unhandledRejection", listener: (reason: unknown) => void): unknown;
  off(event: "unhandledRejection", listener: (reason: unknown) => void): unknown;
}

/**
 * Logs promises that fail and that nobody waits for, where Node would end the process: one forgotten promise of one pod
 * must not take the API server, the controllers and every other pod's agent with it. It is a mistake of ours all the same,
 * and logged as one. Whatever is thrown outside of promises still ends the process: it may have left something half done.
 * Returns what undoes it.
 */
export function logStrayFailures(source: FailureSource, logger: Logger): () => void {
  const onFailure = (reason: unknown): void =>
    logger.error("a failure that nobody waits for", {
      error: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason),
    });
  source.on("unhandledRejection", onFailure);
  return () => source.off("unhandledRejection", onFailure);
}
