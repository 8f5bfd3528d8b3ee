import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";

/**
 * What stands for large values while nobody asks for them: a table beside that of the versions, written in the same
 * transactions. It says nothing that the values do not say: a file without it is whole.
 */
export class Outlines {
  readonly #sqlite: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  /** Most files have none. */
  #isEmpty: boolean;

  private constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite;
    this.#insert = sqlite.prepare("INSERT INTO outlines VALUES (?, ?, ?, ?)");
    this.#remove = sqlite.prepare("DELETE FROM outlines WHERE id BETWEEN ? AND ? AND key = ?");
    this.#isEmpty = sqlite.prepare("SELECT 1 FROM outlines LIMIT 1").get() === undefined;
  }

  /** Undefined where there is no room for the table: values are then read as they are. */
  static of(sqlite: DatabaseSync): Outlines | undefined {
    try {
      sqlite.exec(
        "CREATE TABLE IF NOT EXISTS outlines (id INTEGER PRIMARY KEY, key TEXT NOT NULL, outline BLOB NOT NULL, checksum INTEGER NOT NULL)",
      );
      return new Outlines(sqlite);
    } catch {
      return undefined;
    }
  }

  /** Inside a transaction. */
  insert(id: number, key: string, outline: Uint8Array): void {
    this.#isEmpty = false;
    this.#insert.run(id, key, outline, checksum(id, key, outline));
  }

  /** Inside a transaction. */
  remove(firstId: number, lastId: number, key: string): void {
    if (!this.#isEmpty) this.#remove.run(firstId, lastId, key);
  }

  /** By the ids of their versions; without those that are damaged. */
  all(): ReadonlyMap<number, Uint8Array> | undefined {
    if (this.#isEmpty) return undefined;
    const all = this.#sqlite.prepare("SELECT id, key, outline, checksum FROM outlines");
    all.setReturnArrays(true);
    const found = new Map<number, Uint8Array>();
    for (const [id, key, outline, sum] of all.all() as unknown as [number, string, Uint8Array, number][])
      if (checksum(id, key, outline) === sum) found.set(id, outline);
    return found;
  }
}

const checksum = (id: number, key: string, outline: Uint8Array): number =>
  crc32(outline, crc32(`${id} ${key}`));
