import type { Writable } from "node:stream";
import type { Clock } from "../../apimachinery/clock.ts";

/** As long as kube-apiserver gives a request from its head to the end of its answer. */
const leaveMs = 60_000;
/** What a client does not read of a smaller answer costs no more than its connection. */
const largeBytes = 16 * 1024;

/**
 * To be called when a whole answer has been given away: a client that does not read it is cut off after a minute, or it would
 * hold the bytes for as long as it likes, of as many answers as it has streams.
 */
export function leaveInTime(answer: Writable, bytes: number, clock: Clock, cut: () => void): void {
  if (bytes < largeBytes) return;
  const timer = clock.after(leaveMs, () => {
    if (!answer.writableFinished) cut();
  });
  const stop = (): void => timer.stop();
  answer.once("finish", stop);
  answer.once("close", stop);
}
