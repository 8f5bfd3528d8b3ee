import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import { CauseTracker } from "./cause-tracker.ts";
import type { History } from "./index.ts";
import { Journal, type JournalOrigin } from "./journal.ts";

/** A history that ends with the process. */
export function newHistory({
  clock,
  logger,
  origin,
}: {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the cluster knows that this one was forked from. */
  readonly origin?: JournalOrigin | undefined;
}): History & { readonly journal: Journal } {
  const causes = new CauseTracker();
  return { causes, journal: new Journal({ clock, logger, causeOf: causes.current, origin }) };
}
