import { readFile } from "node:fs/promises";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Archive, ArchivedKeys, ArchiveView, FormerVersion } from "../archive.ts";
import { loadDeferred } from "../load-deferred.ts";
import {
  compactedError,
  type DroppedVersion,
  isTombstone,
  type RevisionStore,
  type Version,
} from "../memory/revision-store.ts";
import { StorageError } from "../storage.ts";
import { type Block, blocksIn, blockTypes, contentOf } from "./archive-blocks.ts";
import { keeping, unpackVersions } from "./archive-versions.ts";
import type { ArchiveFile } from "./archive-writer.ts";
import type { FromArchive, ToArchive } from "./protocol.ts";

/** Which versions are kept when compaction takes them. */
export interface ArchiveOptions {
  /** Its files lie there alone; mode 0700. */
  readonly directory: string;
  /** Of all its files together. */
  readonly sizeBytesMax: number;
  /** Versions of these keys are not kept. */
  readonly isLeftOut: (key: string) => boolean;
  /** Values at these keys are kept only as ciphertext, encryption or not. */
  readonly isSecret: (key: string) => boolean;
}

/** What the archive asks of its store. */
export interface ArchiveStore {
  readonly store: RevisionStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly post: (message: ToArchive) => void;
  /** The values of versions that are not in memory, as far as they still are in the file. */
  readonly readValues: (
    versions: readonly Version[],
  ) => Promise<ReadonlyMap<Version, { readonly value: Uint8Array | undefined }>>;
}

/**
 * The archive of a SQLite store. Nothing is written twice: versions stay in the database until compaction takes them,
 * and go into files of their own then, in the writer thread. Notes are gathered and go there several times a second.
 */
export class SqliteArchive implements Archive {
  readonly #options: ArchiveOptions;
  readonly #parts: ArchiveStore;
  #covers: (key: string) => boolean = () => true;
  /** Dropped before it was known what is protected. */
  #waiting: DroppedVersion[] | undefined = [];
  #notes = "";
  #first = Number.POSITIVE_INFINITY;
  #last = 0;
  #timer: Timer | undefined;
  #markedMs = 0;
  #nextId = 1;
  readonly #questions = new Map<number, (files: ArchiveFiles) => void>();
  #warnedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ArchiveOptions, parts: ArchiveStore) {
    this.#options = options;
    this.#parts = parts;
  }

  get revision(): number {
    return this.#parts.store.revision;
  }

  note(line: string, first: number, last: number): void {
    this.#add(line, first, last);
    this.#timer ??= this.#parts.clock.after(flushMs, () => this.#flush());
  }

  /** Commits through the revision are durable: when that was is noted now and then. */
  committed(revision: number): void {
    const nowMs = this.#parts.clock.now();
    if (nowMs - this.#markedMs < markMs) return;
    this.#markedMs = nowMs;
    this.#add(`[${revision},${nowMs}]`, revision, revision);
    if (this.#notes.length > notesMax) this.#flush();
  }

  protect(resources: readonly string[], covers: (key: string) => boolean): void {
    this.#covers = covers;
    this.#parts.post({ type: "protect", resources: [...resources] });
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.drop(waiting);
  }

  /** Compaction takes the versions. */
  drop(versions: readonly DroppedVersion[]): void {
    if (versions.length === 0) return;
    if (this.#waiting !== undefined) {
      for (const version of versions) this.#waiting.push(version);
      return;
    }
    const { isLeftOut, isSecret } = this.#options;
    const modes = versions.map(({ key }) =>
      isLeftOut(key) ? keeping.not : isSecret(key) || this.#covers(key) ? keeping.sealed : keeping.whole,
    );
    const packed = {
      revisions: versions.map(({ revision }) => revision),
      keys: versions.map(({ key }) => key),
    };
    this.#parts.post({ type: "drop", versions: packed, modes: new Uint8Array(modes) });
  }

  receive(message: FromArchive): void {
    if (message.type === "archived") {
      this.#questions.get(message.id)?.(message);
      this.#questions.delete(message.id);
      return;
    }
    const nowMs = this.#parts.clock.now();
    if (nowMs - this.#warnedMs < warnMs) return;
    this.#warnedMs = nowMs;
    this.#parts.logger.warn("the history could not be written", { error: message.failure.message });
  }

  /** Writes what is under way. */
  close(): void {
    this.#flush();
  }

  async open({ prefix, isWanted }: ArchivedKeys): Promise<ArchiveView> {
    this.#flush();
    const { store } = this.#parts;
    // What a compaction takes meanwhile is neither here nor there.
    for (;;) {
      const compacted = store.compactedRevision;
      const { begin, files } = await this.#files();
      if (compacted !== store.compactedRevision) continue;
      const wanted = (key: string): boolean => key.startsWith(prefix) && isWanted(key);
      const versions = versionsIn(store, prefix, wanted);
      return {
        begin: Math.min(begin, store.revision),
        revision: store.revision,
        versions: () => this.#versions(files, versions, wanted),
        notes: (first, last) => notesIn(files, first, last),
      };
    }
  }

  async *#versions(
    files: readonly ArchiveFile[],
    versions: readonly Version[],
    isWanted: (key: string) => boolean,
  ): AsyncGenerator<readonly FormerVersion[]> {
    for await (const block of blocksOf(files, blockTypes.versions))
      yield unpackVersions(await contentOf(block), isWanted);
    for (let start = 0; start < versions.length; start += stepVersions)
      yield await this.#whole(versions.slice(start, start + stepVersions));
  }

  /** With their values, which may have to be read. */
  async #whole(versions: readonly Version[]): Promise<FormerVersion[]> {
    await loadDeferred(versions.map(({ deferred }) => deferred));
    const missing = versions.filter((version) => !isTombstone(version) && version.value === undefined);
    const values = missing.length === 0 ? undefined : await this.#parts.readValues(missing);
    return versions.map((version) => {
      const { key, modRevision: revision, createRevision } = version;
      const isDeletion = isTombstone(version);
      const value = version.value ?? values?.get(version)?.value;
      if (value === undefined && !isDeletion)
        throw compactedError(revision, this.#parts.store.compactedRevision);
      return { key, revision, createRevision, isDeletion, value };
    });
  }

  #add(line: string, first: number, last: number): void {
    this.#notes += `${line}\n`;
    if (first < this.#first) this.#first = first;
    if (last > this.#last) this.#last = last;
  }

  #flush(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    if (this.#notes === "") return;
    this.#parts.post({ type: "note", text: this.#notes, first: this.#first, last: this.#last });
    this.#notes = "";
    this.#first = Number.POSITIVE_INFINITY;
    this.#last = 0;
  }

  #files(): Promise<ArchiveFiles> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#questions.set(id, resolve);
      this.#parts.post({ type: "archive", id });
    });
  }
}

interface ArchiveFiles {
  readonly begin: number;
  readonly files: readonly ArchiveFile[];
}

/** How long a note may wait: what a process that is killed loses of who wrote. */
const flushMs = 50;
/** How exactly the times of commits without notes are known. */
const markMs = 1000;
const notesMax = 4096;
const stepVersions = 500;
const warnMs = 60_000;

/** What the store has: the states as of the compacted revision, and every change since. */
function versionsIn(store: RevisionStore, prefix: string, isWanted: (key: string) => boolean): Version[] {
  const { compactedRevision } = store;
  const { versions } = store.list(prefix, { revision: compactedRevision, limit: 0, after: undefined });
  const found = versions.filter(({ key }) => isWanted(key));
  const { events } = store.eventsAfter(prefix, compactedRevision, Number.POSITIVE_INFINITY);
  for (const { key, revision, type } of events) {
    if (!isWanted(key)) continue;
    const version = type === "put" ? store.findAt(key, revision) : undefined;
    found.push(version ?? { key, value: undefined, createRevision: 0, modRevision: revision });
  }
  return found;
}

async function* notesIn(
  files: readonly ArchiveFile[],
  first: number,
  last: number,
): AsyncGenerator<readonly string[]> {
  for await (const block of blocksOf(files, blockTypes.notes)) {
    if (block.last < first || block.first > last) continue;
    yield (await contentOf(block)).toString().trimEnd().split("\n");
  }
}

async function* blocksOf(files: readonly ArchiveFile[], type: number): AsyncGenerator<Block> {
  for (const { path, sizeBytes } of files) {
    const bytes = await readFile(path).catch((cause: unknown) => {
      // The oldest may have gone meanwhile.
      throw new StorageError("compacted", `${path} cannot be read`, { cause });
    });
    for (const block of blocksIn(bytes.subarray(0, sizeBytes))) if (block.type === type) yield block;
  }
}
