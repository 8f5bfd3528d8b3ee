import type { Scheme } from "../api/scheme.ts";
import type { Clock, Timer } from "../apimachinery/clock.ts";
import type { GroupVersionResource } from "../apimachinery/gvk.ts";
import { goJson } from "../apimachinery/json.ts";
import { type Logger, silentLogger } from "../apimachinery/logger.ts";
import type { Metric } from "../apimachinery/metrics.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { newInternalError, newServiceUnavailable, StatusError } from "../apimachinery/status.ts";
import type { Transport } from "../apimachinery/transport.ts";
import type { EmptyResource } from "../client/shared-informer-factory.ts";
import type { Storage } from "../storage/storage.ts";
import type { AdmissionPlugin } from "./admission/admission.ts";
import { apiServiceExtension } from "./aggregation/api-service-strategy.ts";
import { type AggregationOptions, ApiServices } from "./aggregation/api-services.ts";
import type { Auditor } from "./audit/auditor.ts";
import type { Authenticator } from "./authentication/authenticator.ts";
import type { Authorizer } from "./authorization/authorizer.ts";
import { WatchCache, type WatchCacheOptions } from "./cache/watch-cache.ts";
import { whileEmpty } from "./cache/while-empty.ts";
import type { ApiRequest, Filter, Handler, RequestState } from "./endpoints/api-request.ts";
import { type ConnectHandlers, noConnections } from "./endpoints/connect.ts";
import type { HealthCheck } from "./endpoints/health.ts";
import { nonResourceRoutes } from "./endpoints/non-resource.ts";
import { PendingRequest } from "./endpoints/pending-request.ts";
import { router } from "./endpoints/router.ts";
import type { ServerCore } from "./endpoints/server-core.ts";
import type { OnConversion } from "./extensions/conversion-calls.ts";
import { CustomResources } from "./extensions/custom-resources.ts";
import { definitionExtension } from "./extensions/definition-strategy.ts";
import { buildChain } from "./filters/chain.ts";
import { isLongRunning } from "./filters/long-running.ts";
import { codeOf } from "./filters/measure.ts";
import { requestInfo } from "./filters/request-info.ts";
import { BytesInFlight } from "./flowcontrol/bytes-in-flight.ts";
import { dump } from "./flowcontrol/dump.ts";
import { FlowController } from "./flowcontrol/flow-controller.ts";
import { FollowedConfiguration } from "./flowcontrol/follow-configuration.ts";
import { defaultBytesInFlight, defaultInFlightLimits, type InFlightLimits } from "./flowcontrol/limits.ts";
import { RefusalPace } from "./flowcontrol/refusal-pace.ts";
import { baseHeaders } from "./http/answer-form.ts";
import type { HttpExchange } from "./http/http-exchange.ts";
import { HttpServer, type TlsOptions } from "./http/http-server.ts";
import { respond, respondError } from "./http/respond.ts";
import { InProcessTransport } from "./in-process-transport.ts";
import { AdmissionMetrics } from "./metrics/admission-metrics.ts";
import { ClientMetrics } from "./metrics/client-metrics.ts";
import { MeasuredStorage } from "./metrics/measured-storage.ts";
import { measuredAuthenticator, measuredAuthorizer } from "./metrics/security-metrics.ts";
import { registerStorageMetrics } from "./metrics/storage-metrics.ts";
import { WatchMetrics } from "./metrics/watch-metrics.ts";
import { ServerMetrics } from "./metrics.ts";
import type { ObjectReader } from "./object-reader.ts";
import { AdmissionRunner } from "./registry/admission-runner.ts";
import { resourceStores } from "./registry/resource-stores.ts";
import { ServedResources } from "./registry/served-resources.ts";
import type { NodeLocator, ResourceExtension, ResourceStores } from "./registry/strategy.ts";
import type { UserInfo } from "./request-context.ts";
import type { WebhookIntercept } from "./webhook/webhook-caller.ts";

export interface ApiServerOptions {
  readonly storage: Storage;
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly random: Random;
  /** Default: none. */
  readonly logger?: Logger;
  /** Called once by the constructor, with a reader of caches that are filled by `start`. */
  security(dependencies: SecurityDependencies): Security;
  /** `registry/index.ts` lists them; set up in this order, after `security`. */
  readonly extensions?: readonly ResourceExtension[];
  /** Where logs and streams of nodes come from. Default: no node is connected. */
  readonly nodes?: NodeLocator;
  /** Who serves exec, attach, port-forward and proxies. Default: refused with 503. */
  connect?(dependencies: { readonly reader: ObjectReader; readonly nodes: NodeLocator }): ConnectHandlers;
  /** Requests that are worked on at once; their sum is what priority levels share. See flowcontrol/limits.ts. */
  readonly limits?: InFlightLimits;
  /** What concerns versions of groups that other API servers serve. */
  readonly aggregation?: AggregationOptions;
  /** See `WatchCacheOptions`. */
  readonly decoded?: WatchCacheOptions["decoded"];
  /** A step around each request, once it is known who asks: counts, delays or fails it. Default: none. */
  readonly intercept?: Filter;
  /** A step before each call of a webhook that converts; `security` knows of those of admission. Default: none. */
  readonly webhookCalls?: WebhookIntercept | undefined;
  /** See OnConversion. */
  readonly onConversion?: OnConversion | undefined;
  /** Default: 60 s, as in kube-apiserver. */
  readonly requestTimeoutMs?: number;
  /** How much processor time this process has had, in milliseconds. Default: it is not looked at. */
  readonly cpuMs?: () => number;
  /** Who writes down what was asked, and what came of it. Default: nobody. Closed with the server. */
  readonly audit?: Auditor;
  /** The file with the descriptions of built-in types (api/openapi/descriptions.ts). Without it `explain` lacks prose. */
  readonly descriptionsFile?: string | URL;
  /** Named checks of /healthz and /readyz beyond the server's own. */
  readonly healthChecks?: readonly HealthCheck[];
  /** Named checks of /readyz beyond the server's own. */
  readonly readyChecks?: readonly HealthCheck[];
  /** Documents beside the API, by path: `/openid/v1/jwks`. */
  readonly documents?: Readonly<Record<string, () => object>>;
  /** Paths beside the API with handlers of their own; the request has been authorized for the path. */
  routes?(dependencies: { readonly authorizer: Authorizer }): Readonly<Record<string, Handler>>;
}

export interface SecurityDependencies {
  /** The built-in kinds, and the custom ones of this server. */
  readonly scheme: Scheme;
  readonly reader: ObjectReader;
  readonly stores: ResourceStores;
  readonly nowMs: () => number;
  readonly register: (metric: Metric) => void;
}

export interface Security {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** In the order in which they run. */
  readonly admission: readonly AdmissionPlugin[];
  /** Ends what they hold open, when the server closes. */
  close?(): void;
}

export interface ListenOptions {
  readonly tls: TlsOptions;
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** False lets the process end while the port is open. Default true. */
  readonly keepsProcess?: boolean;
}

const bookmarkIntervalMs = 60_000;
/** Answers of this size are counted as memory until their client has taken them. */
const countedAnswerBytes = 256 * 1024;
/** How long `close` waits for answers under way before it cuts connections. */
const closeGraceMs = 1_000;

/**
 * The API server. In this order:
 *
 *   const server = new ApiServer({ storage, scheme, clock, random, security, extensions });
 *   await server.start();                              // fills the caches; from here on in-process transports work
 *   const client = newClient(server.inProcessTransport(user));
 *   const port = await server.listen({ tls, address, port });   // optional: HTTPS for everybody else
 *   await server.close();                              // ends watches, finishes answers, leaves the storage open
 */
export class ApiServer {
  readonly reader: ObjectReader;
  /** For parts of the cluster that write without admission: allocators, bootstrapping. */
  readonly stores: ResourceStores;
  readonly metrics: ServerMetrics;
  readonly #flowController: FlowController;
  readonly #flowConfiguration: FollowedConfiguration;
  readonly #closed = new AbortController();
  readonly #core: ServerCore;
  readonly #customs: CustomResources;
  readonly #apiServices: ApiServices;
  readonly #handler: Handler;
  readonly #watchCache: WatchCache;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: Random;
  readonly #auditor: Auditor | undefined;
  readonly #clients: ClientMetrics;
  readonly #closeSecurity: () => void;
  /** Of requests that last: logs, exec, attach, port-forward, proxies. */
  readonly #streams = new Set<AbortController>();
  /** Not ready any more, and soon to close. */
  #isClosing = false;
  #isRefusing = false;
  /** One per address that is listened on. */
  readonly #listeners: HttpServer[] = [];
  #bookmarks: Timer | undefined;
  #isStarted = false;

  constructor(options: ApiServerOptions) {
    const { storage, clock, random, logger = silentLogger } = options;
    this.#clock = clock;
    this.#logger = logger.named("apiserver");
    this.metrics = new ServerMetrics(clock);
    this.#random = random;
    this.#auditor = options.audit;
    if (options.audit !== undefined) this.metrics.register(options.audit.metrics);
    const nodes: NodeLocator = options.nodes ?? { connection: () => undefined };
    const register = (metric: Metric): void => this.metrics.register(metric);
    this.#clients = new ClientMetrics(register);
    const measured = new MeasuredStorage(storage, clock, register);
    const watchCache = new WatchCache({ storage: measured, clock, logger, decoded: options.decoded });
    this.#customs = new CustomResources({
      base: options.scheme,
      watchCache,
      clock,
      random,
      logger: this.#logger,
      register,
      webhookCalls: options.webhookCalls,
      onConversion: options.onConversion,
    });
    const { scheme } = this.#customs;
    this.#apiServices = new ApiServices({
      ...options.aggregation,
      scheme,
      base: options.scheme,
      watchCache,
      clock,
      random,
      logger: this.#logger,
      register,
    });
    const resources = new ServedResources({ watchCache, scheme, clock, random });
    this.#watchCache = watchCache;
    this.reader = watchCache;
    this.stores = resourceStores(resources);
    const nowMs = (): number => clock.now();
    const security = options.security({ reader: watchCache, stores: this.stores, scheme, nowMs, register });
    const { authenticator, authorizer, admission } = security;
    this.#closeSecurity = () => security.close?.();
    resources.extend([definitionExtension, apiServiceExtension, ...(options.extensions ?? [])], {
      reader: watchCache,
      stores: this.stores,
      scheme,
      clock,
      random,
      nowMs,
      nodes,
      authenticator,
      authorizer,
      metrics: this.metrics,
    });
    const { requests } = this.metrics;
    requests.onlyServed((group, version, resource, subresource) => {
      const served = resources.find(group, version, resource);
      if (subresource === "") return served !== undefined;
      return served?.info.subresources.some(({ name }) => name === subresource) === true;
    });
    const bytes = new BytesInFlight(defaultBytesInFlight);
    const limits = options.limits ?? defaultInFlightLimits;
    const requestTimeoutMs = options.requestTimeoutMs ?? 60_000;
    this.#flowController = new FlowController({
      clock,
      totalSeats: limits.readOnly + limits.mutating,
      waitLimitMs: requestTimeoutMs / 4,
      // Only of what is served: a cache is made for each name that is asked for.
      count: (group, resource) =>
        resources.findPreferred(group, resource)?.store === undefined
          ? undefined
          : watchCache.resource({ group, resource }).size,
      register,
    });
    registerStorageMetrics(watchCache, storage.sizeBytes?.bind(storage), register);
    this.#flowConfiguration = new FollowedConfiguration(watchCache, this.#flowController);
    this.#core = {
      scheme,
      clock,
      random,
      logger: this.#logger,
      watchCache,
      resources,
      admission: new AdmissionRunner(admission, new AdmissionMetrics(clock, register)),
      aggregation: this.#apiServices,
      forward: (group, version, state) => this.#apiServices.forward(group, version, state),
      registered: (state) => this.#apiServices.registered(state),
      loadCustom: (group, version, resource, verb) => this.#customs.load({ group, version, resource }, verb),
      documentOf: (resource, version, texts) => this.#customs.document(resource, version, texts),
      documentReady: (resource) => this.#customs.documentReady(resource),
      nodes,
      connect: options.connect?.({ reader: watchCache, nodes }) ?? noConnections,
      descriptionsFile: options.descriptionsFile,
      watchMetrics: new WatchMetrics(register),
      deprecated: (info, removedRelease) => requests.deprecated(info, removedRelease),
      isClosing: () => this.#isClosing,
      sending(state, length, isWhole) {
        requests.sent(state, length);
        // Until the client has taken it; what is small is not worth the count.
        if (isWhole && length > countedAnswerBytes) bytes.takeUntil(length, state.request.signal);
      },
    };
    const nonResource = nonResourceRoutes(this.#core, {
      metrics: this.metrics,
      healthChecks: options.healthChecks ?? [],
      readyChecks: options.readyChecks ?? [],
      documents: options.documents ?? {},
      routes: options.routes?.({ authorizer }) ?? {},
      dumpFlowControl: (table) => dump(this.#flowController, table),
      isReady: () => this.#isStarted && !this.#isClosing,
      isClosing: () => this.#isClosing,
    });
    this.#handler = buildChain(
      {
        authenticator: measuredAuthenticator(authenticator, register),
        authorizer: measuredAuthorizer(authorizer, register),
        audit: options.audit,
        intercept: options.intercept,
        flowControl: {
          controller: this.#flowController,
          bytes,
          pace: new RefusalPace(clock, options.cpuMs),
          clock,
          metrics: requests,
        },
        requestTimeoutMs,
        closed: this.#closed.signal,
        clock,
        logger: this.#logger,
        metrics: this.metrics,
      },
      router(this.#core, nonResource),
    );
  }

  /** Fills the caches from the store. Call once, before anything is asked. */
  async start(): Promise<void> {
    await this.#watchCache.start();
    this.#customs.start(this.stores);
    this.#apiServices.start(this.stores);
    this.#flowConfiguration.read();
    this.#flowController.start();
    this.#bookmarks = this.#clock.every(bookmarkIntervalMs, () => this.#watchCache.sendBookmarks());
    this.#isStarted = true;
  }

  /**
   * Makes the priority levels and flow schemas that every cluster has, and keeps them so until the server closes.
   * Resolves when they are there.
   */
  async maintainFlowControl(): Promise<void> {
    const { maintainConfiguration } = await import("./flowcontrol/maintain-configuration.ts");
    const { reader, stores } = this;
    const { signal } = this.#closed;
    await maintainConfiguration({ reader, stores, clock: this.#clock, logger: this.#logger, signal });
    this.#flowConfiguration.suggestedAreMade();
  }

  /** Opens a port; resolves with its number. May be called for several addresses. */
  async listen({ tls, address, port, ...options }: ListenOptions): Promise<number> {
    const listener = new HttpServer({
      tls,
      clock: this.#clock,
      handle: (exchange) => this.serve(exchange),
      onTlsError: () => this.metrics.requests.tlsHandshakeErrors.add(),
    });
    const bound = await listener.listen(port, address, options);
    this.#listeners.push(listener);
    return bound;
  }

  /** Reads the TLS options of all open ports anew, for the connections that come. */
  renewCertificates(): void {
    for (const listener of this.#listeners) listener.renewCertificates();
  }

  /**
   * A transport of this process for the user. `userAgent` names the field manager of writes that name none; by default
   * it is the component in the user's name: `kube-scheduler` for `system:kube-scheduler`.
   */
  inProcessTransport(user: UserInfo, { userAgent = componentOf(user.name) } = {}): Transport {
    return new InProcessTransport({
      core: this.#core,
      user,
      userAgent,
      dispatch: async (request) => {
        const state = this.#newState(request, "");
        const startMs = performance.now();
        try {
          const response = await this.#handler(state);
          this.#clients.answered(request.method, codeOf(response), startMs);
          return { response, state };
        } catch (error) {
          this.#clients.answered(request.method, error instanceof StatusError ? error.code : 500, startMs);
          auditFailure(state, error);
          throw error;
        } finally {
          state.answered?.();
        }
      },
    });
  }

  /** What is decoded now, by the bytes in the store: for another server of the same bytes. */
  decoded(): Map<Uint8Array, UnstructuredObject> {
    return this.#watchCache.decoded();
  }

  /** For caches of this process: see `whileEmpty`. Undefined for what another server serves. */
  whileEmpty(reference: GroupVersionResource): EmptyResource | undefined {
    const { group, version } = reference;
    if (this.#apiServices.remote(group, version) !== undefined) return undefined;
    return whileEmpty(this.#core.resources, this.#watchCache, reference);
  }

  /** Why an object of the store cannot be read, for whoever waits for all of its kind; undefined when all can. */
  unreadable(): string | undefined {
    return this.#watchCache.unreadable.first();
  }

  /** From here on /readyz fails and HTTP/1.1 connections end with their answer: call it as soon as it is known that `close` will be. */
  announceClose(): void {
    this.#isClosing = true;
  }

  /**
   * Ends watches, finishes what is under way and closes the port; or cuts every connection first, as when the process is
   * killed. The storage stays open.
   */
  async close({ isAbrupt = false } = {}): Promise<void> {
    if (isAbrupt) for (const listener of this.#listeners) listener.cut();
    this.announceClose();
    this.#isRefusing = true;
    this.#closed.abort();
    this.#flowController.stop();
    this.#customs.stop();
    this.#apiServices.stop();
    for (const stream of this.#streams) stream.abort();
    this.#bookmarks?.stop();
    this.#watchCache.stop();
    await Promise.all(this.#listeners.map((listener) => listener.close(this.#clock.sleep(closeGraceMs))));
    this.#closeSecurity();
    await this.#auditor?.close();
  }

  /** Answers one request of a socket: of this server's own listeners, or of one that leads to several servers. */
  async serve(exchange: HttpExchange): Promise<void> {
    const { request } = exchange;
    const state = this.#newState(request, request.header("audit-id") || this.#random.uuid());
    if (this.#isRefusing && !answeredToTheEnd.test(request.path)) return refuseWhenClosing(exchange, state);
    const release = this.#endWithServer(state);
    const lasting = isLongRunning(state) ? this.metrics.requests.longRunning(state) : undefined;
    lasting?.add();
    try {
      const sending = respond(this.#core, exchange, state, await this.#handler(state));
      if (sending !== undefined) await sending;
    } catch (error) {
      await this.#answerError(exchange, state, error);
    } finally {
      release();
      lasting?.add(-1);
      state.answered?.();
      state.audit?.complete();
    }
  }

  async #answerError(exchange: HttpExchange, state: RequestState, error: unknown): Promise<void> {
    try {
      await respondError(this.#core, exchange, state, error);
    } catch (failure) {
      this.#logger.error("an answer could not be sent", { path: state.request.path, error: String(failure) });
    }
  }

  #newState(request: ApiRequest, auditId: string): RequestState {
    const info = requestInfo(request.method, request.path, request.query);
    return new PendingRequest(request, info, auditId);
  }

  /** Logs, exec and other streams end with the server; other requests are finished, watches are ended by the cache. */
  #endWithServer(state: RequestState): () => void {
    if (!isLongRunning(state) || state.info.verb === "watch") return () => undefined;
    const ended = new AbortController();
    const client = state.signal;
    const onGone = (): void => ended.abort();
    client.addEventListener("abort", onGone, { once: true });
    this.#streams.add(ended);
    state.narrowSignal(() => ended.signal);
    return () => {
      client.removeEventListener("abort", onGone);
      this.#streams.delete(ended);
    };
  }
}

/** Who looks after the server wants to know how it is until it is gone. */
const answeredToTheEnd = /^\/(?:readyz|livez|healthz|metrics)/;

/** There is good reason to try again at once: another server, or this one's successor, may answer. */
function refuseWhenClosing(exchange: HttpExchange, state: RequestState): void {
  const { code, status } = newServiceUnavailable("apiserver is shutting down");
  const headers = {
    "retry-after": "1",
    "content-type": "application/json",
    "x-content-type-options": "nosniff",
  };
  exchange.closeAfter?.();
  exchange.respond(code, { ...baseHeaders(state), ...headers }, Buffer.from(`${goJson(status)}\n`));
}

/** A request of this process has no answer to send: its failure ends it. */
function auditFailure({ audit }: RequestState, error: unknown): void {
  if (audit === undefined) return;
  const { status, code } = error instanceof StatusError ? error : newInternalError(error);
  audit.respond(code, status, audit.wantsResponse ? JSON.stringify(status) : "");
  audit.complete();
}

/** "system:kube-scheduler" → "kube-scheduler", "system:node:worker" → "kubelet". */
function componentOf(userName: string): string {
  if (userName.startsWith("system:node:")) return "kubelet";
  return userName.split(":").at(-1) ?? userName;
}
