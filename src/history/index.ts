import type { Clock } from "../apimachinery/clock.ts";
import type { Filter } from "../apiserver/endpoints/api-request.ts";
import type { Archive } from "../storage/archive.ts";
import { CauseTracker } from "./cause-tracker.ts";
import type { ChangeReader } from "./entry.ts";
import { KeptJournal } from "./kept-journal.ts";

/** What a cluster remembers of its changes, and of why they came about. */
export interface History {
  readonly journal: ChangeReader & { readonly filter: Filter };
  readonly causes: CauseTracker;
}

/** A history that outlasts the process: of what the archive of a store keeps. */
export function keptHistory(archive: Archive, clock: Clock): History {
  const causes = new CauseTracker();
  return { causes, journal: new KeptJournal({ clock, archive, causeOf: causes.current }) };
}
