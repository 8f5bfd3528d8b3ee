import { chmodSync, closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { StorageError } from "../storage.ts";
import { Outlines } from "./outlines.ts";
import { leftOut, type PackedVersions, type Row } from "./rows.ts";

/**
 * The file: one table, appended to in order of revision. The store keeps the state in memory, so the file needs no
 * index by key: a put is one append at the right edge of the tree, opening reads the table once from left to right,
 * and a version is found by its revision.
 *
 * It runs in the writer thread. The connection holds the file exclusively, which also keeps the index of the
 * write-ahead log in memory instead of in a third file.
 */
export class Database {
  readonly file: string;
  readonly #sqlite: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #find: StatementSync;
  readonly #outlines: Outlines | undefined;

  private constructor(file: string, sqlite: DatabaseSync) {
    this.file = file;
    this.#sqlite = sqlite;
    this.#outlines = Outlines.of(sqlite);
    this.#insert = sqlite.prepare("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)");
    this.#remove = sqlite.prepare("DELETE FROM versions WHERE id BETWEEN ? AND ? AND key = ?");
    this.#find = sqlite.prepare("SELECT * FROM versions WHERE id BETWEEN ? AND ? AND key = ?");
    this.#find.setReturnArrays(true);
  }

  /**
   * Opens or creates the file, readable by its owner only. `sizeBytesMax` bounds its size: writes beyond it fail as
   * they do on a full disk. Throws StorageError `inUse`, `corrupt`, `noSpace` or `ioFailure`.
   */
  static open(file: string, sizeBytesMax?: number): Database {
    let sqlite: DatabaseSync | undefined;
    try {
      createPrivately(file);
      sqlite = new DatabaseSync(file);
      sqlite.exec("PRAGMA locking_mode = EXCLUSIVE");
      if (isFresh(sqlite)) create(sqlite);
      else checkFormat(file, sqlite);
      configure(sqlite, sizeBytesMax);
      return new Database(file, sqlite);
    } catch (error) {
      sqlite?.close();
      throw translate(error, file);
    }
  }

  compactedRevision(): number {
    const row = this.#sqlite.prepare("SELECT value FROM meta WHERE name = 'compactedRevision'").get();
    return Number(row?.["value"] ?? 0);
  }

  /**
   * Every row in order of revision; large values that were replaced since are left out, and those that have an outline.
   * Throws `corrupt` at the first row that is damaged, as far as it is read.
   */
  *rows(): Generator<Row, void> {
    try {
      const replaced = this.#replacedLargeOnes();
      const outlines = this.#outlines?.all();
      // Pages of plain arrays: a third faster than iterating over objects.
      const page = this.#sqlite.prepare(
        // What lies behind a large value is reached through all pages of it.
        `SELECT id, key, createRevision, kind, CASE WHEN length(value) < ${largeBytes} THEN value END,
          CASE WHEN coalesce(length(value), 0) < ${largeBytes} THEN checksum END, length(value)
        FROM versions WHERE id > ? ORDER BY id LIMIT 500`,
      );
      page.setReturnArrays(true);
      const large = this.#sqlite.prepare("SELECT * FROM versions WHERE id = ?");
      large.setReturnArrays(true);
      for (let last: unknown = 0; ; ) {
        const rows = page.all(Number(last)) as unknown as unknown[][];
        if (rows.length === 0) return;
        for (const row of rows) {
          const [id, key, createRevision, kind, value, , length] = row;
          const outline = outlines?.get(Number(id));
          if (Number(kind) === deleted || value !== null) yield this.#decode(row);
          else if (outline !== undefined || replaced.has(Number(id))) {
            const revision = Math.floor(Number(id) / rowsPerCommitMax);
            const head = {
              revision,
              key: String(key),
              createRevision: Number(createRevision),
              value: leftOut,
            };
            yield replaced.has(Number(id)) ? head : { ...head, outline, sizeBytes: Number(length) };
          } else yield this.#decode(large.get(Number(id)) as unknown as unknown[]);
        }
        last = rows.at(-1)?.[0];
      }
    } catch (error) {
      throw translate(error, this.file);
    }
  }

  /** The ids of large values that are not the newest of their keys: to know that, the values are not read. */
  #replacedLargeOnes(): ReadonlySet<number> {
    const all = this.#sqlite.prepare(
      `SELECT id, key FROM versions WHERE length(value) >= ${largeBytes} ORDER BY id`,
    );
    all.setReturnArrays(true);
    const replaced = new Set<number>();
    const newest = new Map<string, number>();
    for (const [id, key] of all.all() as unknown as [number, string][]) {
      const before = newest.get(key);
      if (before !== undefined) replaced.add(before);
      newest.set(key, id);
    }
    return replaced;
  }

  /** Writes in one transaction. With `durable`, it is on the disk when the call returns; without, soon after. */
  transaction(durable: boolean, write: () => void): void {
    try {
      // In a write-ahead log, NORMAL leaves out the sync at the end of a commit; the next FULL one includes it.
      if (!durable) this.#sqlite.exec("PRAGMA synchronous = NORMAL");
      this.#sqlite.exec("BEGIN IMMEDIATE");
      write();
      this.#sqlite.exec("COMMIT");
    } catch (error) {
      if (this.#sqlite.isTransaction) this.#sqlite.exec("ROLLBACK");
      throw translate(error, this.file);
    } finally {
      if (!durable) this.#sqlite.exec("PRAGMA synchronous = FULL");
    }
  }

  /** Inside a transaction. `ordinal` is the row's place in its commit. */
  insert(row: Row, ordinal: number): void {
    const { revision, key, createRevision, value, outline } = row;
    if (ordinal >= rowsPerCommitMax)
      throw new RangeError(`more than ${rowsPerCommitMax} changes in one commit`);
    const id = revision * rowsPerCommitMax + ordinal;
    const kind = value === undefined ? deleted : written;
    const bytes = value ?? null;
    this.#insert.run(id, key, createRevision, kind, bytes, checksum(id, createRevision, kind, key, value));
    if (outline !== undefined && bytes !== null && bytes.byteLength >= largeBytes)
      this.#outlines?.insert(id, key, outline);
  }

  /** Inside a transaction. */
  setCompactedRevision(revision: number): void {
    this.#sqlite
      .prepare(
        "INSERT INTO meta VALUES ('compactedRevision', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
      )
      .run(revision);
  }

  /** The newest revision that is written; 0 when there is none. */
  newestRevision(): number {
    const row = this.#sqlite.prepare("SELECT max(id) AS id FROM versions").get();
    return Math.max(this.compactedRevision(), Math.floor(Number(row?.["id"] ?? 0) / rowsPerCommitMax));
  }

  /** What the archive has noted. */
  archiveNote(name: ArchiveNote): string | undefined {
    const row = this.#sqlite.prepare("SELECT value FROM meta WHERE name = ?").get(name);
    return row === undefined ? undefined : String(row["value"]);
  }

  /** `undefined` takes the note away. */
  setArchiveNote(name: ArchiveNote, value: string | undefined): void {
    const statement = value === undefined ? "DELETE FROM meta WHERE name = ?" : setNote;
    this.#sqlite.prepare(statement).run(...(value === undefined ? [name] : [name, value]));
  }

  /** Inside a transaction: deletes the version at the index, and returns it. */
  take(versions: PackedVersions, index: number): Row | undefined {
    const first = (versions.revisions[index] ?? 0) * rowsPerCommitMax;
    const last = first + rowsPerCommitMax - 1;
    const key = versions.keys[index] ?? "";
    const row = this.#find.get(first, last, key);
    this.#remove.run(first, last, key);
    this.#outlines?.remove(first, last, key);
    return row === undefined ? undefined : this.#decode(row as unknown as unknown[]);
  }

  /** Inside a transaction: deletes the versions from index `start` to before `end`. */
  remove(versions: PackedVersions, start: number, end: number): void {
    for (let index = start; index < end; index++) {
      const first = (versions.revisions[index] ?? 0) * rowsPerCommitMax;
      const last = first + rowsPerCommitMax - 1;
      const key = versions.keys[index] ?? "";
      this.#remove.run(first, last, key);
      this.#outlines?.remove(first, last, key);
    }
  }

  /** The versions that are there; those that were deleted are left out. */
  find(versions: PackedVersions): Row[] {
    const rows: Row[] = [];
    for (const [index, key] of versions.keys.entries()) {
      const first = (versions.revisions[index] ?? 0) * rowsPerCommitMax;
      const row = this.#find.get(first, first + rowsPerCommitMax - 1, key);
      if (row !== undefined) rows.push(this.#decode(row as unknown as unknown[]));
    }
    return rows;
  }

  /** Gives some unused pages back to the file system. False when there are few left. */
  shrink(pages: number): boolean {
    const unused = pragma(this.#sqlite, "freelist_count");
    // A quarter of the file stays free for what comes next: a file that shrinks and grows again wears the disk.
    if (unused < 64 || unused < pragma(this.#sqlite, "page_count") / 4) return false;
    this.transaction(false, () => this.#sqlite.exec(`PRAGMA incremental_vacuum(${pages})`));
    return true;
  }

  /** Moves the write-ahead log into the file and closes it. */
  close(): void {
    this.#sqlite.close();
  }

  #decode([rowId, rowKey, rowCreateRevision, rowKind, stored, rowChecksum]: readonly unknown[]): Row {
    const id = Number(rowId);
    const key = String(rowKey);
    const createRevision = Number(rowCreateRevision);
    const kind = Number(rowKind);
    const value = kind === deleted ? undefined : stored instanceof Uint8Array ? stored : new Uint8Array();
    const revision = Math.floor(id / rowsPerCommitMax);
    if (checksum(id, createRevision, kind, key, value) !== rowChecksum) {
      throw new StorageError(
        "corrupt",
        `${this.file} is damaged: the change of ${key} at revision ${revision} does not match its checksum`,
      );
    }
    return { revision, key, createRevision, value };
  }
}

/** What the archive leads up to: a compaction beyond that has taken what it does not have. And what is not to lie there plain. */
export type ArchiveNote = "archivedThrough" | "archiveProtects";
const setNote = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value";

/** An id is the revision times this, plus the place in the commit: ids stay exact up to revision 2^37. */
const rowsPerCommitMax = 2 ** 16;
/** Of a value that is read by itself, and only where it is of use. */
const largeBytes = 32 * 1024;
const deleted = 0;
const written = 1;

/** "SAMP": how a file says that it is ours. */
const applicationId = 0x53414d50;
const formatVersion = 1;

/** SQLite has no checksums of its own, and an object that decays must not be served as if it were whole. */
function checksum(
  id: number,
  createRevision: number,
  kind: number,
  key: string,
  value: Uint8Array | undefined,
): number {
  const head = crc32(`${id} ${createRevision} ${kind} ${key}`);
  return value === undefined ? head : crc32(value, head);
}

/**
 * SQLite would create the file with the mode of the umask. An existing file is never opened here: closing a descriptor
 * drops the locks that this process may already hold on the file.
 */
function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    chmodSync(file, 0o600);
    return;
  }
  const directory = openSync(dirname(file), "r");
  fsyncSync(directory);
  closeSync(directory);
}

/** True for a new file, and for one whose creation was cut short. */
function isFresh(sqlite: DatabaseSync): boolean {
  const tables = sqlite.prepare("SELECT count(*) AS count FROM sqlite_schema").get();
  return tables?.["count"] === 0 && pragma(sqlite, "application_id") === 0;
}

function create(sqlite: DatabaseSync): void {
  sqlite.exec(`
    PRAGMA page_size = 4096;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    BEGIN IMMEDIATE;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE versions (
      id INTEGER PRIMARY KEY,
      key TEXT NOT NULL,
      createRevision INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      value BLOB,
      checksum INTEGER NOT NULL
    );
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${formatVersion};
    COMMIT;
  `);
}

function checkFormat(file: string, sqlite: DatabaseSync): void {
  if (pragma(sqlite, "application_id") !== applicationId) {
    throw new StorageError("corrupt", `${file} belongs to another program: it is not a store of Sampan`);
  }
  const version = pragma(sqlite, "user_version");
  if (version !== formatVersion) {
    throw new StorageError(
      "corrupt",
      `${file} has format ${version}, this version of Sampan reads format ${formatVersion}`,
    );
  }
}

function configure(sqlite: DatabaseSync, sizeBytesMax: number | undefined): void {
  sqlite.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cell_size_check = ON;
    PRAGMA wal_autocheckpoint = 2000;
    PRAGMA journal_size_limit = 16777216;
  `);
  if (sizeBytesMax !== undefined) sqlite.exec(`PRAGMA max_page_count = ${Math.ceil(sizeBytesMax / 4096)}`);
}

function pragma(sqlite: DatabaseSync, name: string): number {
  return Number(Object.values(sqlite.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const busy = 5;
const readOnly = 8;
const ioError = 10;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const notADatabase = 26;

function translate(error: unknown, file: string): unknown {
  if (error instanceof StorageError || !(error instanceof Error)) return error;
  const { code, errcode } = error as { code?: string; errcode?: number };
  const reason = error.message;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new StorageError("noSpace", noSpace(file), { cause: error });
  if (errcode === undefined) {
    return code === undefined
      ? error
      : new StorageError("ioFailure", `cannot open ${file}: ${reason}`, { cause: error });
  }
  switch (errcode & 0xff) {
    case busy:
      return new StorageError("inUse", `${file} is in use by another process`, { cause: error });
    case full:
      return new StorageError("noSpace", noSpace(file), { cause: error });
    case corrupt:
      return new StorageError("corrupt", `${file} is damaged: ${reason}`, { cause: error });
    case notADatabase:
      return new StorageError("corrupt", `${file} is damaged, or not a store of Sampan: ${reason}`, {
        cause: error,
      });
    case readOnly:
    case ioError:
    case cannotOpen:
      return new StorageError("ioFailure", `cannot write ${file}: ${reason}`, { cause: error });
    default:
      return error;
  }
}

function noSpace(file: string): string {
  return `no space left for ${file}: nothing was written`;
}
