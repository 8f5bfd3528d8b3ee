import { newBadRequest } from "../apimachinery/status.ts";
import { parseTime } from "../apimachinery/time.ts";
import { parseKey, registryPrefix, resourcePrefix } from "../apiserver/cache/storage-key.ts";
import type { Archive, ArchiveView, FormerVersion } from "../storage/archive.ts";
import { StorageError } from "../storage/storage.ts";
import { type Entry, type EntryQuery, matches, type Remembered, type RequestNote } from "./entry.ts";
import type { NoteLine } from "./kept-journal.ts";
import { isNoise, isOf, isSecret, type LooseNote } from "./note.ts";
import { hiddenState, Redactor } from "./redact.ts";

/** States that are asked for at once; who wants more asks for less of it at a time. */
const maxBytes = 64 * 1024 * 1024;
/** How often a compaction may get in the way. */
const attempts = 4;
const redactor = new Redactor();
const openingBrace = 0x7b;

/** What an archive tells of the changes that are asked for. Rejects with BadRequest when they are too many. */
export async function readArchive(archive: Archive, query: EntryQuery): Promise<Remembered> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readOnce(archive, query);
    } catch (error) {
      const isOvertaken = error instanceof StorageError && error.code === "compacted";
      if (!isOvertaken || attempt === attempts) throw error;
    }
  }
}

async function readOnce(archive: Archive, query: EntryQuery): Promise<Remembered> {
  const view = await archive.open({ prefix: prefixOf(query), isWanted: (key) => isAskedFor(key, query) });
  const after = Math.max(view.begin, query.after ?? 0);
  const upTo = query.upTo ?? Number.POSITIVE_INFINITY;
  const changes = [...(await statesOf(view, after, upTo)).values()]
    .flatMap((states) => states.changes())
    .toSorted((a, b) => a.revision - b.revision);
  const notes = await Notes.of(view, changes);
  const entries = changes.flatMap((change): Entry[] => {
    const parsed = parseKey(change.key);
    if (parsed === undefined) return [];
    const { revision, before, after: state } = change;
    const { timeMs, request } = notes.about(change);
    return [{ ...parsed, revision, timeMs, before, after: state, request }];
  });
  const { begin, revision } = view;
  return { begin, revision, entries: entries.filter((entry) => matches(entry, query)) };
}

/** What all keys that are asked for begin with. */
function prefixOf({ group, resource, namespace, name }: EntryQuery): string {
  if (group === undefined || resource === undefined) return registryPrefix;
  const prefix = resourcePrefix({ group, resource }, namespace ?? "");
  return namespace === undefined ? prefix : prefix + (name ?? "");
}

function isAskedFor(key: string, { group, resource, namespace, name }: EntryQuery): boolean {
  const parsed = isNoise(key) ? undefined : parseKey(key);
  return (
    parsed !== undefined &&
    (name === undefined || parsed.name === name) &&
    (resource === undefined || parsed.resource === resource) &&
    (group === undefined || parsed.group === group) &&
    (namespace === undefined || parsed.namespace === namespace)
  );
}

interface StateChange {
  readonly key: string;
  readonly revision: number;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
}

/** The states of one object: the one at the beginning, and those after it. */
class States {
  readonly #after: number;
  #base: FormerVersion | undefined;
  readonly #later = new Map<number, FormerVersion>();

  constructor(after: number) {
    this.#after = after;
  }

  /** By how many bytes more is held. */
  add(version: FormerVersion): number {
    const size = version.value?.length ?? 0;
    if (version.revision > this.#after) {
      if (this.#later.has(version.revision)) return 0;
      this.#later.set(version.revision, version);
      return size;
    }
    if (this.#base !== undefined && this.#base.revision >= version.revision) return 0;
    const before = this.#base?.value?.length ?? 0;
    this.#base = version;
    return size - before;
  }

  /** Oldest first. */
  changes(): StateChange[] {
    let previous = this.#base;
    let state = previous === undefined ? undefined : stateOf(previous);
    return [...this.#later.values()]
      .toSorted((a, b) => a.revision - b.revision)
      .flatMap((version): StateChange[] => {
        const { key, revision, createRevision, isDeletion } = version;
        const after = stateOf(version);
        const isKnown = previous !== undefined;
        const isNew = !isDeletion && createRevision === revision;
        const before =
          isNew || previous?.isDeletion === true ? undefined : isKnown ? state : hiddenState(key);
        [previous, state] = [version, after];
        return before === undefined && after === undefined ? [] : [{ key, revision, before, after }];
      });
  }
}

/** With marks for what nobody is to read; undefined for what is not there. */
function stateOf({ key, value, isDeletion }: FormerVersion): Uint8Array | undefined {
  if (isDeletion) return undefined;
  // Without the keys of encryption at rest there is ciphertext.
  if (value === undefined || value[0] !== openingBrace) return hiddenState(key);
  return isSecret(key) ? redactor.redact(value) : value;
}

async function statesOf(view: ArchiveView, after: number, upTo: number): Promise<Map<string, States>> {
  const byKey = new Map<string, States>();
  let bytes = 0;
  for await (const batch of view.versions()) {
    for (const version of batch) {
      if (version.revision > upTo || version.revision > view.revision) continue;
      const known = byKey.get(version.key);
      const states = known ?? new States(after);
      if (known === undefined) byKey.set(version.key, states);
      bytes += states.add(version);
    }
    if (bytes > maxBytes)
      throw newBadRequest(
        `more than ${maxBytes / 2 ** 20} MiB of states are asked for: name an object, a namespace or a later revision`,
      );
  }
  return byKey;
}

/** Who made changes, and when. */
class Notes {
  readonly #exact = new Map<number, { readonly timeMs: number; readonly note: RequestNote }>();
  readonly #loose: (LooseNote & { readonly timeMs: number })[] = [];
  /** When commits were durable, now and then, in order. */
  #marks: (readonly [revision: number, timeMs: number])[] = [];

  /** Those about the changes, as far as there are any. */
  static async of(view: ArchiveView, changes: readonly StateChange[]): Promise<Notes> {
    const notes = new Notes();
    const [first, last] = [changes[0]?.revision, changes.at(-1)?.revision];
    if (first === undefined || last === undefined) return notes;
    const revisions = new Set(changes.map(({ revision }) => revision));
    for await (const lines of view.notes(first, last)) for (const line of lines) notes.#add(line, revisions);
    notes.#marks = notes.#marks.toSorted(([a], [b]) => a - b);
    return notes;
  }

  about({ revision, key, before, after }: StateChange): { timeMs: number; request: RequestNote | undefined } {
    const exact = this.#exact.get(revision);
    if (exact !== undefined) return { timeMs: exact.timeMs, request: exact.note };
    const loose = this.#loose.find((each) => isOf(each, revision, key));
    if (loose !== undefined) return { timeMs: loose.timeMs, request: loose.note };
    return { timeMs: this.#timeOf(revision) ?? timeIn(after ?? before), request: undefined };
  }

  #add(text: string, revisions: ReadonlySet<number>): void {
    const line = JSON.parse(text) as NoteLine | readonly [revision: number, timeMs: number];
    if (line.length === 2) {
      this.#marks.push(line);
      return;
    }
    const [of, timeMs, verb, subresource, user, userAgent, fieldManager, requestId, cause] = line;
    if (typeof of === "number") {
      this.#marks.push([of, timeMs]);
      if (!revisions.has(of)) return;
    }
    const note: RequestNote = { verb, subresource, user, userAgent, fieldManager, requestId, cause };
    if (typeof of !== "number") {
      const [key, after, upTo] = of;
      this.#loose.push({ key, after, upTo, timeMs, note });
    } else if (!this.#exact.has(of)) this.#exact.set(of, { timeMs, note });
  }

  /** That of the nearest commit before it, or of the next one. */
  #timeOf(revision: number): number | undefined {
    const before = this.#marks.findLast(([marked]) => marked <= revision);
    return (before ?? this.#marks[0])?.[1];
  }
}

/** When the state says itself that it was written, where nobody noted it: as its field managers have it. */
function timeIn(state: Uint8Array | undefined): number {
  const text = state === undefined ? "" : Buffer.from(state).toString();
  const times = [...text.matchAll(/"(?:time|creationTimestamp)":"([-0-9T:]+Z)"/g)];
  return Math.max(0, ...times.map(([, time = ""]) => parseTime(time) ?? 0));
}
