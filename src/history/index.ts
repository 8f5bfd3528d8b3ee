import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { Handler } from "../apiserver/endpoints/api-request.ts";
import { CauseTracker } from "./cause-tracker.ts";
import { Journal } from "./journal.ts";
import type { MayRead } from "./serve.ts";

/** What a cluster remembers of its changes, and of why they came about. */
export interface History {
  readonly journal: Journal;
  readonly causes: CauseTracker;
}

export function newHistory({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }): History {
  const causes = new CauseTracker();
  return { causes, journal: new Journal({ clock, logger, causeOf: causes.current }) };
}

/** Where the history is read. Access to the path is an administrator's, unless a role names it. */
export const historyPath = "/sampan.dev/history";

/** The route of the path, whose code is loaded when somebody first asks. */
export function historyRoute({ journal }: History, mayRead: MayRead): Handler {
  return async (state) => {
    const { serveHistory } = await import("./serve.ts");
    return await serveHistory(journal, mayRead, state);
  };
}
