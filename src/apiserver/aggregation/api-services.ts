import type { Scheme } from "../../api/scheme.ts";
import type { APIService } from "../../api/types/apiregistration-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { GroupVersion } from "../../apimachinery/gvk.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { RequestHeaderNames } from "../authentication/request-header.ts";
import type { WatchCache } from "../cache/watch-cache.ts";
import type { ApiResponse, RequestState } from "../endpoints/api-request.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import type { AggregatedVersion, Aggregation, RemoteApiServer } from "./aggregation.ts";
import { apiServiceName, apiServices, asApiService, availability } from "./api-service.ts";
import { AvailabilityMetrics } from "./availability-metrics.ts";
import { inOrder } from "./order.ts";
import { builtinPriority, customPriority } from "./priorities.ts";
import { type ClientCertificate, RemoteServer } from "./remote-server.ts";

type Machinery = typeof import("./machinery.ts")["aggregationMachinery"];

/** What a version that is served elsewhere, and cannot be reached, is told of. */
export interface Unavailable {
  /** Of the APIService. */
  readonly name: string;
  readonly reason: string;
  readonly message: string;
}

/** What whoever makes a server says of it. */
export interface AggregationOptions {
  /** What this server shows to other API servers, which believe it who asks. Default: nothing, and they will not. */
  readonly clientCertificate?: () => ClientCertificate;
  /** By which headers proxies in front of this server name users, beside the usual ones: they are not passed on. */
  readonly userHeaders?: RequestHeaderNames;
  /** Told each time when a version becomes unavailable, or is so for another reason. */
  readonly onUnavailable?: (failure: Unavailable) => void;
}

export interface ApiServicesOptions extends AggregationOptions {
  /** The built-in kinds and the custom ones. */
  readonly scheme: Scheme;
  /** The built-in kinds alone. */
  readonly base: Scheme;
  readonly watchCache: WatchCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly register: (metric: Metric) => void;
}

/** A selector with this in it is not interested in APIServices that the server makes itself. */
const withoutManaged = "!kube-aggregator.kubernetes.io/automanaged";
const reads: ReadonlySet<string> = new Set(["list", "watch"]);

/**
 * Follows the APIServices:
 *
 *   const apiServices = new ApiServices({ … });
 *   apiServices.start(stores)                  // when the cache is filled
 *   apiServices.forward(group, version, state) // each request: undefined when this server answers it itself
 *
 * Most clusters have none that lead elsewhere; then a request costs one look at an empty map, and nothing is loaded. Those
 * of the versions that the server itself serves say nothing that it does not know: they are made when somebody first asks
 * for APIServices, so that no start waits for them.
 */
export class ApiServices implements Aggregation {
  readonly #options: ApiServicesOptions;
  readonly #metrics: AvailabilityMetrics;
  /** Those that lead elsewhere, by their names. */
  readonly #remotes = new Map<string, RemoteServer>();
  readonly #listeners = new Set<() => void>();
  #changes = 0;
  #versions: { readonly generation: number; readonly list: readonly AggregatedVersion[] } | undefined;
  #stores: ResourceStores | undefined;
  #machinery: Promise<Machinery> | undefined;
  #checks: Promise<InstanceType<Machinery["AvailabilityController"]>> | undefined;
  #registering: Promise<void> | undefined;
  #isRegistered = false;
  readonly #stopped = new AbortController();

  constructor(options: ApiServicesOptions) {
    this.#options = options;
    this.#metrics = new AvailabilityMetrics(options.watchCache, options.register);
  }

  /** Reads what was stored, and follows it until `stop`. */
  start(stores: ResourceStores): void {
    this.#stores = stores;
    const { watchCache } = this.#options;
    watchCache.onChange(apiServices, (object, old) => {
      const name = (object ?? old)?.metadata.name ?? "";
      this.#changed(name, asApiService(object), asApiService(old));
    });
    for (const cached of watchCache.resource(apiServices).objects("")) {
      // Most are of this server itself, and need not be decoded.
      if (cached.mentions('"service":')) this.#changed(cached.name, asApiService(cached.object));
    }
  }

  stop(): void {
    this.#stopped.abort();
    for (const remote of this.#remotes.values()) remote.retire();
  }

  get generation(): number {
    return this.#changes + this.#options.scheme.generation;
  }

  get hasRemote(): boolean {
    return this.#remotes.size > 0;
  }

  remote(group: string, version: string): RemoteApiServer | undefined {
    return this.#remotes.get(apiServiceName({ group, version }));
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  versions(): readonly AggregatedVersion[] {
    const { generation } = this;
    if (this.#versions?.generation !== generation)
      this.#versions = { generation, list: inOrder([...this.#localVersions(), ...this.#remoteVersions()]) };
    return this.#versions.list;
  }

  /** The answer of whoever serves the version elsewhere; undefined when this server is to answer. */
  forward(group: string, version: string, state: RequestState): Promise<ApiResponse> | undefined {
    if (this.#remotes.size === 0) return undefined;
    const remote = this.#remotes.get(apiServiceName({ group, version }));
    if (remote === undefined) return undefined;
    return this.#load().then((machinery) => machinery.forward(state, remote, this.#options.clock));
  }

  /** Makes the APIServices of this server's own versions, when the request could see them; undefined when they are there. */
  registered({ info, request }: RequestState): Promise<void> | undefined {
    if (this.#isRegistered || this.#stores === undefined) return undefined;
    // Controllers keep a cache of everything: they hear of them when they come.
    if (request.isInProcess && reads.has(info.verb)) return undefined;
    if (request.query.get("labelSelector")?.includes(withoutManaged) === true) return undefined;
    this.#registering ??= this.#register(this.#stores);
    return this.#registering;
  }

  async #register(stores: ResourceStores): Promise<void> {
    const { watchCache, scheme, base, logger } = this.#options;
    try {
      const { LocalRegistration } = await this.#load();
      const registration = new LocalRegistration({ watchCache, stores, scheme, base, logger });
      await registration.start(this.#stopped.signal);
      this.#isRegistered = true;
    } catch (error) {
      logger.error("APIServices of this server's versions were not made", { error: String(error) });
    } finally {
      this.#registering = undefined;
    }
  }

  #changed(name: string, object: APIService | undefined, old?: APIService): void {
    const known = this.#remotes.get(name);
    // Who could lead the group of the APIServices elsewhere could never be led back.
    const isRemote = object?.spec.service !== undefined && object.spec.group !== apiServices.group;
    if (object !== undefined && (isRemote || !isLocal(object))) this.#check(name);
    // The check of what is there no more is the last one.
    else if (known !== undefined) this.#check(name);
    const isSame = known !== undefined && isRemote && deepEqual(known.spec, object.spec);
    if (isSame) {
      if (!known.become(object)) return;
    } else if (isRemote) {
      known?.retire();
      this.#remotes.set(name, this.#newRemote(object));
    } else if (known !== undefined) {
      known.retire();
      this.#remotes.delete(name);
    } else {
      // Those of this server itself say something only beside others.
      const isNews = this.hasRemote && !deepEqual(object?.spec, old?.spec);
      if (!isNews) return;
    }
    this.#tell();
  }

  #newRemote(object: APIService): RemoteServer {
    const { watchCache: reader, clock, random, clientCertificate, userHeaders } = this.#options;
    const stopped = this.#stopped.signal;
    return new RemoteServer(object, { reader, clock, random, clientCertificate, userHeaders, stopped });
  }

  #tell(): void {
    this.#changes++;
    for (const listener of this.#listeners) listener();
  }

  #check(name: string): void {
    const stores = this.#stores;
    if (stores === undefined || this.#stopped.signal.aborted) return;
    const { watchCache: reader, clock, logger, onUnavailable } = this.#options;
    this.#checks ??= this.#load().then(
      ({ AvailabilityController }) =>
        new AvailabilityController({
          reader,
          stores,
          clock,
          logger,
          onUnavailable,
          metrics: this.#metrics,
          remote: (each) => this.#remotes.get(each),
          signal: this.#stopped.signal,
        }),
    );
    void this.#checks.then((checks) => checks.changed(name));
  }

  #load(): Promise<Machinery> {
    this.#machinery ??= import("./machinery.ts").then(({ aggregationMachinery }) => aggregationMachinery);
    return this.#machinery;
  }

  *#localVersions(): Generator<AggregatedVersion> {
    for (const groupVersion of this.#options.scheme.groupVersions()) {
      const name = apiServiceName(groupVersion);
      if (this.#remotes.has(name)) continue;
      const { group, version } = groupVersion;
      yield { group, version, ...this.#prioritiesOf(name, groupVersion), remote: undefined };
    }
  }

  #prioritiesOf(name: string, groupVersion: GroupVersion): Priorities {
    const stored = asApiService(this.#options.watchCache.get(apiServices, "", name))?.spec;
    if (stored !== undefined) return prioritiesIn(stored);
    const { group, version } = builtinPriority(groupVersion) ?? customPriority;
    return { groupPriorityMinimum: group, versionPriority: version };
  }

  *#remoteVersions(): Generator<AggregatedVersion> {
    for (const remote of this.#remotes.values()) {
      const { group, version, spec } = remote;
      yield { group, version, ...prioritiesIn(spec), remote };
    }
  }
}

type Priorities = Pick<AggregatedVersion, "groupPriorityMinimum" | "versionPriority">;

const prioritiesIn = ({ groupPriorityMinimum, versionPriority }: APIService["spec"]): Priorities => ({
  groupPriorityMinimum,
  versionPriority,
});

const isLocal = (object: APIService): boolean => availability(object)?.reason === "Local";
