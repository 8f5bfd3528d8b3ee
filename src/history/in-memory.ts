import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import { CauseTracker } from "./cause-tracker.ts";
import type { History } from "./index.ts";
import { Journal } from "./journal.ts";

/** A history that ends with the process. */
export function newHistory({
  clock,
  logger,
}: {
  readonly clock: Clock;
  readonly logger: Logger;
}): History & { readonly journal: Journal } {
  const causes = new CauseTracker();
  return { causes, journal: new Journal({ clock, logger, causeOf: causes.current }) };
}
