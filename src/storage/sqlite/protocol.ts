import type { MessagePort } from "node:worker_threads";
import type { StorageErrorCode } from "../storage.ts";
import type { ArchiveFile, ArchiveWriterOptions } from "./archive-writer.ts";
import type { PackedRows, PackedVersions } from "./rows.ts";

/**
 * What the store (main thread) and the writer (worker) say to each other. The writer alone touches the file.
 *
 * Commits are sent as soon as they are judged, so several are under way at once. When one fails, those after it were
 * judged against a state that never came to be: the writer discards every commit of that epoch, tells the store, and
 * goes on with the next epoch, in which the store sends again what still holds.
 */
export interface WriterOptions {
  readonly file: string;
  readonly sizeBytesMax: number | undefined;
  /** Keeps what compaction takes; see `ArchiveWriter`. */
  readonly archive: ArchiveWriterOptions | undefined;
}

export type ToWriter =
  | { readonly type: "commit"; readonly epoch: number; readonly rows: PackedRows }
  /** Records the compacted revision durably. Answered. */
  | { readonly type: "compact"; readonly id: number; readonly revision: number }
  /** Deletes versions, in small steps between commits. Not answered. */
  | {
      readonly type: "drop";
      readonly versions: PackedVersions;
      readonly modes?: Uint8Array;
      /** By the last compaction, when the process ended. */
      readonly isLeftOver?: boolean;
    }
  /** Asks for the values of versions. Answered. */
  | { readonly type: "read"; readonly id: number; readonly versions: PackedVersions }
  /** The same for somebody who may stand still until `answered` is not 0 any more: the answer goes to the port. */
  | {
      readonly type: "readTo";
      readonly versions: PackedVersions;
      readonly port: MessagePort;
      readonly answered: Int32Array<SharedArrayBuffer>;
    }
  | Exclude<ToArchive, { readonly type: "drop" }>
  | { readonly type: "close" };

/** Of these only the question for files is answered, when all that was dropped before it is in them. */
export type ToArchive =
  /** `modes`: how each is kept, see `keeping`. */
  | { readonly type: "drop"; readonly versions: PackedVersions; readonly modes: Uint8Array }
  | { readonly type: "note"; readonly text: string; readonly first: number; readonly last: number }
  | { readonly type: "protect"; readonly resources: readonly string[] }
  | { readonly type: "archive"; readonly id: number };

export type FromArchive =
  | {
      readonly type: "archived";
      readonly id: number;
      readonly begin: number;
      readonly files: readonly ArchiveFile[];
    }
  | { readonly type: "archiveTrouble"; readonly failure: Failure };

export type FromWriter =
  | FromArchive
  | { readonly type: "opened"; readonly compactedRevision: number }
  /** All rows of the file, in order of revision, after `opened`. */
  | { readonly type: "loading"; readonly rows: PackedRows }
  | { readonly type: "loaded" }
  | { readonly type: "openFailed"; readonly failure: Failure }
  /** Every commit through the revision is durable. The buffers that they came in go back. */
  | { readonly type: "committed"; readonly revision: number; readonly buffers: ArrayBuffer[] }
  /** The commits after the last durable one through this revision were not written. */
  | { readonly type: "commitFailed"; readonly through: number; readonly failure: Failure }
  | { readonly type: "answer"; readonly id: number; readonly rows: PackedRows }
  | { readonly type: "answerFailed"; readonly id: number; readonly failure: Failure }
  | { readonly type: "closed" };

/** What goes to the port of `readTo`. */
export type FromReader = { readonly rows: PackedRows } | { readonly failure: Failure };

export interface Failure {
  readonly code: StorageErrorCode;
  readonly message: string;
}
