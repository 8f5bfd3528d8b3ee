import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import { CauseTracker } from "./cause-tracker.ts";
import { Journal } from "./journal.ts";

/** What a cluster remembers of its changes, and of why they came about. */
export interface History {
  readonly journal: Journal;
  readonly causes: CauseTracker;
}

export function newHistory({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }): History {
  const causes = new CauseTracker();
  return { causes, journal: new Journal({ clock, logger, causeOf: causes.current }) };
}
