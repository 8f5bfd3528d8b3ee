/**
 * What a store keeps of versions that compaction takes, and notes about commits beside them: within a bound, oldest out
 * first, over restarts.
 */
export interface Archive {
  /** The newest committed revision. */
  readonly revision: number;
  /** Keeps a line of text about commits of these revisions as long as their versions. It is written within a moment. */
  note(line: string, first: number, last: number): void;
  /**
   * Values of these resources are kept as ciphertext only. What was kept in clear text of one that is new among them is
   * forgotten. To be called once at the start, with none where nothing is encrypted, and with each change.
   */
  protect(resources: readonly string[], covers: (key: string) => boolean): void;
  /** All that is known of the keys, as of now: what was kept, and what the store has. */
  open(keys: ArchivedKeys): Promise<ArchiveView>;
}

/** Keys that begin with the prefix and are wanted. */
export interface ArchivedKeys {
  readonly prefix: string;
  readonly isWanted: (key: string) => boolean;
}

export interface ArchiveView {
  /** Every change after this revision is known, and the states before it. */
  readonly begin: number;
  readonly revision: number;
  /** In no order; one may come twice. Rejects with StorageError `compacted` when a compaction overtakes: open it anew. */
  versions(): AsyncIterable<readonly FormerVersion[]>;
  /** The notes of commits between the revisions; more may come. */
  notes(first: number, last: number): AsyncIterable<readonly string[]>;
}

/** A key as one commit left it. */
export interface FormerVersion {
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly isDeletion: boolean;
  /** Undefined for a deletion, and where the value was not kept or cannot be read. */
  readonly value: Uint8Array | undefined;
}
