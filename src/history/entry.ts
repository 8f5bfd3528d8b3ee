/** Which object a change was of, by where it lies in the store. */
export interface ChangedObject {
  readonly group: string;
  readonly resource: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}

/** Why a controller worked: the key that it took from its queue, and the changes that had put it there. */
export interface Cause {
  readonly controller: string;
  readonly key: string;
  /** The newest few. */
  readonly wokenBy: readonly {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly revision: string;
  }[];
}

/** The request that led to a change. */
export interface RequestNote {
  /** create, update, patch, delete, deletecollection. */
  readonly verb: string;
  readonly subresource: string;
  readonly user: string;
  readonly userAgent: string;
  readonly fieldManager: string;
  /** As in the audit log; empty for requests of the cluster's own parts. */
  readonly requestId: string;
  readonly cause?: Cause | undefined;
}

/** One committed change of one object, with its states before and after as they were stored. */
export interface Entry extends ChangedObject {
  readonly revision: number;
  readonly timeMs: number;
  /** Undefined when the object was new. */
  readonly before: Uint8Array | undefined;
  /** Undefined when it was deleted. */
  readonly after: Uint8Array | undefined;
  /** Undefined for what the server wrote without a request. */
  readonly request: RequestNote | undefined;
}

/** Which entries are asked for; what is absent is not looked at. */
export interface EntryQuery {
  readonly group?: string | undefined;
  readonly resource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** Changes after this revision. */
  readonly after?: number | undefined;
  /** Changes up to and with this revision. */
  readonly upTo?: number | undefined;
  /** Changes at or after this time. */
  readonly sinceMs?: number | undefined;
}

/** What is remembered of the changes that were asked for. */
export interface Remembered {
  /** Of changes up to this revision nothing is known. */
  readonly begin: number;
  /** The newest that is known. */
  readonly revision: number;
  /** Oldest first. */
  readonly entries: readonly Entry[];
}

/** Remembers changes. */
export interface ChangeReader {
  /** All that was committed at the time of the call. */
  read(query: EntryQuery): Promise<Remembered>;
}

export const matches = (entry: Entry, query: EntryQuery): boolean =>
  (query.name === undefined || entry.name === query.name) &&
  (query.resource === undefined || entry.resource === query.resource) &&
  (query.group === undefined || entry.group === query.group) &&
  (query.namespace === undefined || entry.namespace === query.namespace) &&
  (query.after === undefined || entry.revision > query.after) &&
  (query.upTo === undefined || entry.revision <= query.upTo) &&
  (query.sinceMs === undefined || entry.timeMs >= query.sinceMs);
