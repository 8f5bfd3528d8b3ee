import type { Clock } from "../apimachinery/clock.ts";

export interface StartTroubleOptions {
  readonly clock: Clock;
  /** What keeps the server from becoming ready, in words for the person who started it; undefined while nothing is known to. */
  readonly find: () => string | undefined;
  /** Called once, with the first that was found. */
  readonly tell: (trouble: string) => void;
}

/** A start takes a second, on a busy machine two; whoever waits longer wants to know why. */
const intervalMs = 3_000;

/**
 * Looks every few seconds for what keeps a server that starts from becoming ready. The server itself goes on trying: what
 * is wrong may come right without it, as a key management service that starts later. Returns what ends the looking.
 */
export function lookForTrouble({ clock, find, tell }: StartTroubleOptions): () => void {
  const look = (): void => {
    const trouble = find();
    if (trouble === undefined) timer = clock.after(intervalMs, look);
    else tell(trouble);
  };
  let timer = clock.after(intervalMs, look);
  return () => timer.stop();
}
