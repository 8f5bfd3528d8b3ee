import type { KeyValue } from "../storage.ts";
import { Database } from "./database.ts";

/**
 * Writes a new file that holds the values at the revision and no history before it: what `SqliteStorage.open` goes on
 * from. It is on the disk when this returns. `outlineOf`: what is put beside a value. Throws StorageError as `open` does; the
 * file must not be there yet.
 */
export function writeState(
  file: string,
  values: readonly KeyValue[],
  revision: number,
  outlineOf: (key: string, value: Uint8Array) => Uint8Array | undefined = () => undefined,
): void {
  const database = Database.open(file);
  try {
    database.transaction(true, () => {
      let last = 0;
      let ordinal = 0;
      for (const { key, value, createRevision, modRevision } of inOrder(values)) {
        ordinal = modRevision === last ? ordinal + 1 : 0;
        last = modRevision;
        const outline = outlineOf(key, value);
        database.insert({ revision: modRevision, key, createRevision, value, outline }, ordinal);
      }
      database.setCompactedRevision(revision);
    });
  } finally {
    database.close();
  }
}

const inOrder = (values: readonly KeyValue[]): KeyValue[] =>
  values.toSorted((a, b) => a.modRevision - b.modRevision);
