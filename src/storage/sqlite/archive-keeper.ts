import type { FormerVersion } from "../archive.ts";
import { encryptedPrefix, startsWith } from "../encryption/value-transformer.ts";
import { StorageError } from "../storage.ts";
import { keeping } from "./archive-versions.ts";
import { ArchiveWriter, type ArchiveWriterOptions } from "./archive-writer.ts";
import type { Database } from "./database.ts";
import type { FromArchive, ToArchive } from "./protocol.ts";
import type { PackedVersions, Row } from "./rows.ts";

/** Versions that compaction takes, and how each of them is kept. */
export interface Drop {
  readonly versions: PackedVersions;
  /** Absent: none is. */
  readonly modes?: Uint8Array;
}

/**
 * The writer's side of the archive: what compaction takes out of the database goes into its files, notes too. What it
 * cannot write for want of space stays in the database. When it cannot write for another reason it ends: the store goes
 * on without it, and the next start begins a new one.
 */
export class ArchiveKeeper {
  readonly #database: Database;
  readonly #writer: ArchiveWriter;
  readonly #send: (message: FromArchive) => void;
  #hasEnded = false;

  constructor(database: Database, options: ArchiveWriterOptions, send: (message: FromArchive) => void) {
    this.#database = database;
    this.#send = send;
    const through = database.archiveNote("archivedThrough") ?? "0";
    this.#writer = new ArchiveWriter(options, {
      newest: () => database.newestRevision(),
      compacted: () => database.compactedRevision(),
      isCut: through !== String(database.compactedRevision()),
    });
  }

  /** Inside the transaction of a compaction. */
  compacts(revision: number): void {
    if (this.#hasEnded) return;
    this.#attempt(() => this.#writer.sync());
    if (!this.#hasEnded) this.#database.setArchiveNote("archivedThrough", String(revision));
  }

  /** Inside a transaction: takes the versions from index `start` to before `end` out of the database. */
  take({ versions, modes }: Drop, start: number, end: number): void {
    if (modes === undefined || this.#hasEnded) {
      this.#database.remove(versions, start, end);
      return;
    }
    this.#attempt(() => this.#writer.versions(this.#taken(versions, modes, start, end)));
    // What an error has left.
    if (this.#hasEnded) this.#database.remove(versions, start, end);
  }

  receive(message: Exclude<ToArchive, { readonly type: "drop" }>): void {
    switch (message.type) {
      case "note":
        // Who wrote is less than what was written: a full disk takes it.
        this.#attempt(() => this.#writer.notes(message.text, message.first, message.last), true);
        break;
      case "protect":
        this.#attempt(() => this.#protect(message.resources), true);
        break;
      default:
        this.#answer(message.id);
    }
  }

  close(): void {
    this.#writer.close();
  }

  *#taken(
    versions: PackedVersions,
    modes: Uint8Array,
    start: number,
    end: number,
  ): Generator<FormerVersion, void> {
    for (let index = start; index < end; index++) {
      if (modes[index] === keeping.not) {
        this.#database.remove(versions, index, index + 1);
        continue;
      }
      const row = this.#row(versions, index);
      if (row === undefined) continue;
      const { key, revision, createRevision, value } = row;
      const isPlain = value !== undefined && !startsWith(value, encryptedPrefix);
      const isKept = modes[index] === keeping.whole || !isPlain;
      yield {
        key,
        revision,
        createRevision,
        isDeletion: value === undefined,
        value: isKept ? value : undefined,
      };
    }
  }

  /** One that has decayed is gone. */
  #row(versions: PackedVersions, index: number): Row | undefined {
    try {
      return this.#database.take(versions, index);
    } catch (error) {
      if (error instanceof StorageError && error.code === "corrupt") return undefined;
      throw error;
    }
  }

  #protect(resources: readonly string[]): void {
    const before = this.#database.archiveNote("archiveProtects") ?? "";
    const known = new Set(before.split(","));
    const now = resources.toSorted().join(",");
    if (now === before) return;
    if (resources.some((resource) => !known.has(resource))) this.#writer.beginAnew();
    this.#database.setArchiveNote("archiveProtects", now);
  }

  #answer(id: number): void {
    let found: ReturnType<ArchiveWriter["files"]> | undefined;
    this.#attempt(() => {
      found = this.#writer.files();
    }, true);
    const { begin, files } = this.#hasEnded || found === undefined ? this.#nothing() : found;
    this.#send({ type: "archived", id, begin, files });
  }

  #nothing(): ReturnType<ArchiveWriter["files"]> {
    return { begin: this.#database.compactedRevision(), files: [] };
  }

  #attempt(work: () => void, mayFail = false): void {
    if (this.#hasEnded) return;
    try {
      work();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const isFull = code === "ENOSPC" || code === "EDQUOT";
      const told = new StorageError(isFull ? "noSpace" : "ioFailure", message);
      this.#send({ type: "archiveTrouble", failure: { code: told.code, message } });
      if (isFull && !mayFail) throw told;
      if (!isFull) this.#end();
    }
  }

  #end(): void {
    this.#hasEnded = true;
    this.#database.setArchiveNote("archivedThrough", undefined);
    try {
      this.#writer.remove();
    } catch {
      // What cannot be removed is cut off by the next start.
    }
  }
}
