import type { WatchSink } from "../../../apiserver/cache/watcher.ts";

/** A sink that holds back what it is given, for as long as the fault is there that made it. */
export interface HeldSink extends WatchSink {
  /** The fault is gone: what was held back is told now, in its order, and nothing is held back any more. */
  release(): void;
  /** Nobody listens any more: what was held back is told to nobody. */
  drop(): void;
}
