/**
 * Who serves a version of a group: this server, or another one that an APIService names.
 *
 * `ServerCore.aggregation` is one of these. The documents of an API (discovery, OpenAPI) are merged of what the scheme
 * tells and what `fetch` brings from the servers in `versions()`; they are made anew when `generation` has changed.
 */
export interface Aggregation {
  /**
   * Raised whenever `versions()` or the availability of one of them changes, and with `Scheme.generation`: who keeps
   * something made of either compares this one number.
   */
  readonly generation: number;
  /** False in most clusters. Then the scheme is the whole truth, in its own order, and `versions` need not be asked. */
  readonly hasRemote: boolean;
  /**
   * Every version that is served, of this server and of others, in the order of discovery: groups by falling
   * `groupPriorityMinimum` (the greatest of their versions), then by the name of that APIService (`v1.apps`); versions by
   * falling `versionPriority`, then as Kubernetes orders versions. The same array until `generation` changes. The core group
   * ("", v1) and apiregistration.k8s.io are among them, and those that are not available: Kubernetes lists them too.
   */
  versions(): readonly AggregatedVersion[];
  /** Undefined for what this server serves itself, and for what nobody serves. */
  remote(group: string, version: string): RemoteApiServer | undefined;
  /** Calls the listener after each change of `generation` by an APIService; the answer ends that. */
  onChange(listener: () => void): () => void;
}

export interface AggregatedVersion {
  readonly group: string;
  readonly version: string;
  readonly groupPriorityMinimum: number;
  readonly versionPriority: number;
  /** Undefined for versions of this server. */
  readonly remote: RemoteApiServer | undefined;
}

/** Another API server. A new object with each change of its APIService's spec, so that it is a key for what came from it. */
export interface RemoteApiServer {
  /** Of the APIService: `v1alpha1.wardle.example.com`. */
  readonly name: string;
  readonly group: string;
  readonly version: string;
  /** `NAMESPACE/NAME:PORT` of its Service. Versions of equal text are served by the same program. */
  readonly service: string;
  /** What the condition Available says. One that is not is not asked. Unknown, before the first check, counts as not. */
  readonly isAvailable: boolean;
  /**
   * A GET on behalf of this server itself, as system:kube-aggregator of system:masters: documents, not requests of clients.
   * `path` may have a query. Rejects when there is no answer within the time or when it exceeds `maxBytes`; resolves with
   * any status.
   */
  fetch(path: string, options: FetchOptions): Promise<FetchedDocument>;
}

export interface FetchOptions {
  /** Accept, If-None-Match. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Default: 32 MiB. */
  readonly maxBytes?: number;
}

export interface FetchedDocument {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}
