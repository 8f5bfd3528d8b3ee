import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import { parseKey, registryPrefix } from "../apiserver/cache/storage-key.ts";
import type { ApiResponse, Filter, RequestState } from "../apiserver/endpoints/api-request.ts";
import { type Storage, StorageError, type StorageEvent } from "../storage/storage.ts";
import {
  type Cause,
  type ChangeReader,
  type Entry,
  type EntryQuery,
  matches,
  type Remembered,
  type RequestNote,
} from "./entry.ts";
import { isNoise, isOf, isSecret, keyOf, type LooseNote, mayChange, noteOf } from "./note.ts";
import { Redactor } from "./redact.ts";

export interface JournalOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells why the caller of a request of this process made it. */
  readonly causeOf?: () => Cause | undefined;
  /** What states and notes may take, about. Default 16 MiB. */
  readonly maxBytes?: number;
  /** What is older is forgotten. Default one day. */
  readonly maxAgeMs?: number;
  /** What another journal knew up to the revision at which its store was forked. */
  readonly origin?: JournalOrigin | undefined;
}

/** What a journal knows at a moment, to be gone on with by another. States and notes are shared with it, not copied. */
export interface JournalOrigin {
  readonly revision: number;
  readonly begin: number;
  readonly entries: readonly Kept[];
  readonly notes: readonly SharedNotes[];
  readonly loose: readonly LooseNote[];
  /** So that marks for equal values stay equal. */
  readonly redactor: Redactor;
}

/** Notes that nobody adds to any more. */
interface SharedNotes {
  readonly upTo: number;
  readonly byRevision: ReadonlyMap<number, RequestNote>;
}

/** An entry as it is kept: the request is found when somebody asks. */
interface Kept {
  readonly revision: number;
  readonly timeMs: number;
  readonly key: string;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
  readonly bytes: number;
}

const defaultMaxBytes = 16 * 1024 * 1024;
const defaultMaxAgeMs = 24 * 60 * 60 * 1000;
/** What an entry takes beside its states, with its note. */
const entryBytes = 400;

/**
 * The memory of a cluster: every committed change with its states before and after, who asked for it, and why. It stands
 * beside the way of a write, not on it: states come from the feed of the store and are the very bytes that lie in the
 * store's memory; of each writing request a note is taken when it has been answered; the two are brought together when
 * somebody asks.
 *
 *   const journal = new Journal({ clock, logger });
 *   new ApiServer({ …, intercept: journal.filter });
 *   void journal.follow(storage, signal);
 */
export class Journal implements ChangeReader {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #causeOf: () => Cause | undefined;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #redactor: Redactor;
  /** In the order of revisions; those before `#first` are forgotten. */
  #entries: (Kept | undefined)[] = [];
  #first = 0;
  #bytes = 0;
  /** By the revision that the answer told. */
  #notes = new Map<number, RequestNote>();
  /** Those that forks know too. */
  #shared: readonly SharedNotes[] = [];
  #loose: LooseNote[] = [];
  #storage: Storage | undefined;
  #waiters: { readonly revision: number; resolve(): void }[] = [];
  #revision = 0;
  /** Of what came before nothing is known. */
  #begin = 0;
  /** It goes on from what another knew. */
  #isForked = false;

  constructor({ clock, logger, causeOf, maxBytes, maxAgeMs, origin }: JournalOptions) {
    this.#clock = clock;
    this.#logger = logger.named("history");
    this.#causeOf = causeOf ?? (() => undefined);
    this.#maxBytes = maxBytes ?? defaultMaxBytes;
    this.#maxAgeMs = maxAgeMs ?? defaultMaxAgeMs;
    this.#redactor = origin?.redactor ?? new Redactor();
    if (origin === undefined) return;
    this.#isForked = true;
    this.#revision = origin.revision;
    this.#begin = origin.begin;
    this.#entries = [...origin.entries];
    for (const { bytes } of origin.entries) this.#bytes += bytes;
    this.#shared = origin.notes;
    this.#loose = [...origin.loose];
  }

  /** All that it knows up to the revision, for the journal of a fork of its store. */
  async fork(revision: number): Promise<JournalOrigin> {
    await this.current();
    this.#forgetOld();
    if (this.#notes.size > 0) {
      this.#shared = [...this.#shared, { upTo: this.#revision, byRevision: this.#notes }];
      this.#notes = new Map();
    }
    const entries = this.#entries.slice(this.#first).filter((entry) => entry !== undefined);
    return {
      revision,
      begin: this.#begin,
      entries: entries.filter((entry) => entry.revision <= revision),
      notes: this.#shared,
      loose: this.#loose,
      redactor: this.#redactor,
    };
  }

  /** The newest change that is known. */
  get revision(): number {
    return this.#revision;
  }

  /** States can be told from this revision on. */
  get begin(): number {
    return this.#begin;
  }

  /** About how much it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A step around each request that takes note of those that write. Requests that read pass without a trace. */
  readonly filter: Filter = (state, next) => {
    if (!mayChange(state)) return next(state);
    const after = this.#revision;
    const cause = state.request.isInProcess ? this.#causeOf() : undefined;
    return next(state).then((response) => {
      this.#note(state, response, after, cause);
      return response;
    });
  };

  /** Resolves when all that the store had committed at the time of the call is known here. */
  async current(): Promise<void> {
    const storage = this.#storage;
    if (storage === undefined) return;
    const revision = await storage.revision();
    if (revision <= this.#revision) return;
    await new Promise<void>((resolve) => this.#waiters.push({ revision, resolve }));
  }

  /** Follows the store from its present revision on, or from where it was forked, until the signal aborts. */
  async follow(storage: Storage, signal: AbortSignal): Promise<void> {
    this.#storage = storage;
    if (!this.#isForked) {
      this.#revision = await storage.revision();
      this.#begin = this.#revision;
    }
    while (!signal.aborted) {
      try {
        for await (const batch of storage.watch(registryPrefix, this.#revision, signal)) this.#append(batch);
        break;
      } catch (error) {
        if (signal.aborted || (error instanceof StorageError && error.code === "closed")) break;
        this.#logger.warn("the history has a gap: the feed from the store broke", { error: String(error) });
        this.#forgetAll(await storage.revision());
        await this.#clock.sleep(100, signal).catch(() => undefined);
      }
    }
    // Nothing more will come.
    this.#wake(Number.POSITIVE_INFINITY);
  }

  async read(query: EntryQuery): Promise<Remembered> {
    await this.current();
    const entries = this.entries(query);
    return { begin: this.#begin, revision: this.#revision, entries };
  }

  /** What is known of the changes, oldest first. */
  entries(query: EntryQuery): Entry[] {
    this.#forgetOld();
    const found: Entry[] = [];
    for (let index = this.#first; index < this.#entries.length; index++) {
      const kept = this.#entries[index];
      const parsed = kept === undefined ? undefined : parseKey(kept.key);
      if (kept === undefined || parsed === undefined) continue;
      const { revision, timeMs, before, after } = kept;
      const entry = { ...parsed, revision, timeMs, before, after, request: undefined };
      if (matches(entry, query)) found.push({ ...entry, request: this.#noteOf(kept) });
    }
    return found;
  }

  #append(batch: readonly StorageEvent[]): void {
    const timeMs = this.#clock.now();
    for (const event of batch) {
      this.#revision = event.revision;
      const { key } = event;
      if (isNoise(key) || event.unreadable !== undefined) continue;
      const hides = isSecret(key);
      const keep = (value: Uint8Array | undefined): Uint8Array | undefined =>
        value === undefined || !hides ? value : this.#redactor.redact(value);
      const before = keep(event.previousValue);
      const after = keep(event.value);
      // The state before is, for the most part, the state after the change before, and the same bytes.
      const bytes = entryBytes + (after?.length ?? before?.length ?? 0);
      this.#entries.push({ revision: event.revision, timeMs, key, before, after, bytes });
      this.#bytes += bytes;
    }
    this.#wake(this.#revision);
    if (this.#bytes > this.#maxBytes) this.#forgetDownTo(this.#maxBytes * 0.9);
  }

  #wake(revision: number): void {
    if (this.#waiters.length === 0) return;
    const waiting = this.#waiters;
    this.#waiters = waiting.filter((waiter) => waiter.revision > revision);
    for (const waiter of waiting) if (waiter.revision <= revision) waiter.resolve();
  }

  #note(state: RequestState, response: ApiResponse, after: number, cause: Cause | undefined): void {
    if (state.request.query.has("dryRun")) return;
    const note = noteOf(state, cause);
    if (response.type === "object") {
      const { revision } = response.object;
      // A write that changed nothing answers with the state that somebody else made.
      if (revision > after && !this.#notes.has(revision)) this.#notes.set(revision, note);
      return;
    }
    this.#loose.push({ key: keyOf(state), after, upTo: this.#revision, note });
    if (this.#loose.length > maxLooseNotes) this.#loose = this.#loose.slice(-maxLooseNotes / 2);
  }

  #noteOf({ revision, key }: Kept): RequestNote | undefined {
    const known = this.#notes.get(revision);
    if (known !== undefined) return known;
    for (const { upTo, byRevision } of this.#shared) {
      const shared = revision <= upTo ? byRevision.get(revision) : undefined;
      if (shared !== undefined) return shared;
    }
    return this.#loose.find((loose) => isOf(loose, revision, key))?.note;
  }

  #forgetOld(): void {
    const oldestMs = this.#clock.now() - this.#maxAgeMs;
    while ((this.#entries[this.#first]?.timeMs ?? Number.POSITIVE_INFINITY) < oldestMs) this.#forgetFirst();
    this.#cut();
  }

  #forgetDownTo(bytes: number): void {
    while (this.#bytes > bytes && this.#first < this.#entries.length) this.#forgetFirst();
    this.#forgetOld();
    this.#loose = this.#loose.filter(({ upTo }) => upTo > this.#begin);
    this.#shared = this.#shared.filter(({ upTo }) => upTo > this.#begin);
  }

  #forgetFirst(): void {
    const entry = this.#entries[this.#first];
    this.#entries[this.#first++] = undefined;
    if (entry === undefined) return;
    this.#bytes -= entry.bytes;
    this.#begin = entry.revision;
    this.#notes.delete(entry.revision);
  }

  /** In bulk: cutting a long list costs its length. */
  #cut(): void {
    if (this.#first < 1024) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }

  #forgetAll(revision: number): void {
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#notes.clear();
    this.#shared = [];
    this.#loose = [];
    this.#revision = revision;
    this.#begin = revision;
  }
}

const maxLooseNotes = 4096;
