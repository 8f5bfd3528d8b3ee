import type { Clock } from "../apimachinery/clock.ts";
import type { ApiResponse, Filter, RequestState } from "../apiserver/endpoints/api-request.ts";
import type { Archive } from "../storage/archive.ts";
import type { Cause, ChangeReader, EntryQuery, Remembered, RequestNote } from "./entry.ts";
import { keyOf, mayChange, noteOf } from "./note.ts";

export interface KeptJournalOptions {
  readonly clock: Clock;
  /** Of the store whose changes are remembered. */
  readonly archive: Archive;
  /** Tells why the caller of a request of this process made it. */
  readonly causeOf: () => Cause | undefined;
}

/**
 * A note as it is kept, a line of JSON: of which revision, or of the next changes of a key after one revision and up to
 * another; then when, and who.
 */
export type NoteLine = readonly [
  of: number | readonly [key: string, after: number, upTo: number],
  timeMs: number,
  verb: string,
  subresource: string,
  user: string,
  userAgent: string,
  fieldManager: string,
  requestId: string,
  cause?: Cause,
];

/**
 * The memory of a cluster that outlasts it: states are kept by the archive of its store, beside which lie notes of who
 * wrote. A request that writes costs a line of text here, and everything else is left to whoever asks.
 */
export class KeptJournal implements ChangeReader {
  readonly #clock: Clock;
  readonly #archive: Archive;
  readonly #causeOf: () => Cause | undefined;

  constructor({ clock, archive, causeOf }: KeptJournalOptions) {
    this.#clock = clock;
    this.#archive = archive;
    this.#causeOf = causeOf;
  }

  /** A step around each request that takes note of those that write. Requests that read pass without a trace. */
  readonly filter: Filter = (state, next) => {
    if (!mayChange(state)) return next(state);
    const after = this.#archive.revision;
    const cause = state.request.isInProcess ? this.#causeOf() : undefined;
    return next(state).then((response) => {
      this.#note(state, response, after, cause);
      return response;
    });
  };

  async read(query: EntryQuery): Promise<Remembered> {
    const { readArchive } = await import("./read-archive.ts");
    return await readArchive(this.#archive, query);
  }

  #note(state: RequestState, response: ApiResponse, after: number, cause: Cause | undefined): void {
    if (state.request.query.has("dryRun")) return;
    if (response.type === "object") {
      const { revision } = response.object;
      // A write that changed nothing answers with the state that somebody else made.
      if (revision > after) this.#keep(revision, revision, revision, noteOf(state, cause));
      return;
    }
    const upTo = this.#archive.revision;
    if (upTo > after) this.#keep([keyOf(state), after, upTo], after + 1, upTo, noteOf(state, cause));
  }

  #keep(of: NoteLine[0], first: number, last: number, note: RequestNote): void {
    const { verb, subresource, user, userAgent, fieldManager, requestId, cause } = note;
    const who = [verb, subresource, user, userAgent, fieldManager, requestId] as const;
    const timeMs = this.#clock.now();
    const line: NoteLine = cause === undefined ? [of, timeMs, ...who] : [of, timeMs, ...who, cause];
    this.#archive.note(JSON.stringify(line), first, last);
  }
}
