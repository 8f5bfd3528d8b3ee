import type { Descriptions, JsonDocument } from "../../api/openapi/source.ts";
import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { Aggregation } from "../aggregation/aggregation.ts";
import type { WatchCache } from "../cache/watch-cache.ts";
import type { WatchMetrics } from "../metrics/watch-metrics.ts";
import type { AdmissionRunner } from "../registry/admission-runner.ts";
import type { ServedResources } from "../registry/served-resources.ts";
import type { NodeLocator } from "../registry/strategy.ts";
import type { RequestInfo } from "../request-context.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import type { ConnectHandlers } from "./connect.ts";

/** What the endpoints work with. */
export interface ServerCore {
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly watchCache: WatchCache;
  readonly resources: ServedResources;
  readonly admission: AdmissionRunner;
  /** Who serves which version: this server, or another. */
  readonly aggregation: Aggregation;
  /** The answer of the other server that serves the version; undefined when this one is to answer. */
  forward(group: string, version: string, state: RequestState): Promise<ApiResponse> | undefined;
  /** Makes what a request for APIServices expects to be there; undefined when there is nothing to wait for. */
  registered(state: RequestState): Promise<void> | undefined;
  /**
   * Loads what custom resources need, when this is one or the definition of one; undefined when there is nothing to wait for.
   * `verb` is left out where a schema may be asked about although there are no objects.
   */
  loadCustom(group: string, version: string, resource: string, verb?: string): Promise<void> | undefined;
  /** What OpenAPI says of a custom resource, in one of its versions; `texts` is the prose of the built-in types. */
  documentOf(resource: ResourceInfo, version: 2 | 3, texts: Descriptions | undefined): JsonDocument;
  /** Resolves when `documentOf` holds nobody up; undefined when it is so already. */
  documentReady(resource: ResourceInfo): Promise<void> | undefined;
  readonly nodes: NodeLocator;
  readonly connect: ConnectHandlers;
  /** To be told of each answer before it is sent, and whether it is whole in memory. */
  sending(state: RequestState, bytes: number, isWhole: boolean): void;
  /** What watches count into. */
  readonly watchMetrics: WatchMetrics;
  /** To be told of each request for a deprecated resource. */
  deprecated(info: RequestInfo, removedRelease: string): void;
  /** Whether the server is about to go: clients are told with each answer. */
  isClosing(): boolean;
  /** Where the prose of the built-in types lies, for OpenAPI; see api/openapi/descriptions.ts. */
  readonly descriptionsFile: string | URL | undefined;
}
