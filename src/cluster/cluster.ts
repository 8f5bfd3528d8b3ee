import { builtinScheme } from "../api/builtin-scheme.ts";
import { type Clock, formatTime, RealClock } from "../apimachinery/clock.ts";
import type { HostPorts } from "../apimachinery/host-ports.ts";
import { type Logger, silentLogger } from "../apimachinery/logger.ts";
import { type Random, SystemRandom } from "../apimachinery/random.ts";
import type { Transport } from "../apimachinery/transport.ts";
import type { Auditor } from "../apiserver/audit/auditor.ts";
import { reconcileBootstrapPolicyInStores } from "../apiserver/authorization/reconcile-bootstrap-policy.ts";
import type { NodeLocator } from "../apiserver/registry/strategy.ts";
import type { UserInfo } from "../apiserver/request-context.ts";
import { ApiServer, type ApiServerOptions } from "../apiserver/server.ts";
import { type Client, newClient } from "../client/client.ts";
import { newEventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer.ts";
import { SharedInformerFactory } from "../client/shared-informer-factory.ts";
import type { ControllerContext } from "../controller/controller.ts";
import { authorityControllers, controllerRegistrations } from "../controller/index.ts";
import type { LocalVolumes } from "../controller/local-provisioner/index.ts";
import { ControllerManager } from "../controller/manager.ts";
import type { LegacyTokenIssuer } from "../controller/serviceaccount-token/index.ts";
import type { History } from "../history/index.ts";
import { type CertificateName, createPki, type Pki } from "../pki/index.ts";
import { connectHandlers } from "../registry/connect/index.ts";
import { registryExtensions } from "../registry/index.ts";
import { newSecurity, type SecurityOptions } from "../registry/security.ts";
import { Scheduler } from "../scheduler/scheduler.ts";
import { startCompactor } from "../storage/compactor.ts";
import { MemoryStorage } from "../storage/memory/memory-storage.ts";
import type { Storage } from "../storage/storage.ts";
import type { NodeConnection } from "../streaming/node-connection.ts";
import { reportApiService } from "./api-service-events.ts";
import { bootstrapNamespaces, bootstrapObjects } from "./bootstrap.ts";
import { CertificateRotation } from "./certificate-rotation.ts";
import { interceptOf, routesOf } from "./history.ts";
import { adminUser, controllerManagerUser, controllerUser, schedulerUser } from "./identities.ts";
import { publishAuthentication } from "./publish-authentication.ts";
import { ServerEvents } from "./server-events.ts";
import { apiAddressIn, publishServiceRange } from "./service-range.ts";
import { reportConversion, reportRecovery, reportWebhook } from "./webhook-events.ts";

/** What a cluster is made of. Everything has a default: a control plane in memory, without nodes. */
export interface ClusterOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  readonly storage?: Storage;
  readonly pki?: Pki;
  /** Told of certificates that were renewed, which the server itself shows already. What it throws is tried again. */
  readonly onRenewed?: (names: readonly CertificateName[]) => void | Promise<void>;
  /** `defaultServiceCidr` by default. */
  readonly serviceCidr?: string;
  /** Makes the `kube-dns` Service at this address; whoever passes it serves DNS there. */
  readonly dnsAddress?: string;
  /** Where pods reach the API server; makes the endpoints of the `kubernetes` Service. */
  readonly apiEndpoint?: { readonly ip: string; readonly port: number };
  /** Folders for volumes of the default StorageClass. */
  readonly localVolumes?: LocalVolumes;
  /** False leaves out the StorageClass `standard`, whose volumes are those folders. */
  readonly defaultStorageClass?: boolean;
  /** The machine's ports, where other clusters want them too. */
  readonly hostPorts?: HostPorts;
  /** Which controllers run, by the names that Kubernetes gives them: `deployment-controller`. Default: all. */
  readonly controllers?: (name: string) => boolean;
  /** False leaves pods unscheduled. */
  readonly scheduler?: boolean;
  /** Writes down who asked for what. Default: nothing is audited. */
  readonly audit?: Auditor;
  /** How much processor time this process has had; by default the cluster takes it that there is enough. */
  readonly cpuMs?: () => number;
  /** Nothing of the store's history is forgotten: for who wants to look back, and knows that it ends soon. */
  readonly keepsHistory?: boolean;
  /** See `ApiServerOptions`. */
  readonly intercept?: ApiServerOptions["intercept"];
  /** Remembers what changed, through whom and why, and tells it at /sampan.dev/history. Default: nobody. */
  readonly history?: History;
  /** See `ApiServerOptions`. */
  readonly decoded?: ApiServerOptions["decoded"] | undefined;
  /** True when all that `bootstrap` makes lies in the store as it should be: then that is not looked at. */
  readonly isBootstrapped?: boolean;
  /**
   * What a controller, or another part, reaches the API server through, made of the server's own transport. The signal
   * aborts when the part stops.
   */
  readonly connect?: (component: string, transport: Transport, signal: AbortSignal) => Transport;
  /** Named checks of /healthz and /readyz beyond the API server's own. */
  readonly healthChecks?: ApiServerOptions["healthChecks"];
  /** Who is believed and what is admitted beyond the built-in rules. */
  readonly security?: Omit<SecurityOptions, "pki" | "clock" | "random" | "clusterDomain" | "scheme">;
}

export interface ListenAt {
  readonly address: string;
  readonly port: number;
  /** See `ListenOptions` of the API server. */
  readonly keepsProcess?: boolean;
}

const clusterDomain = "cluster.local";
export const defaultServiceCidr = "10.96.0.0/16";

/**
 * The control plane: storage, API server, controllers, scheduler. Nodes are added with `addNode`.
 *
 *   const cluster = new Cluster({});
 *   await cluster.startApi();                       // in-process clients work from here on
 *   await cluster.listen({ address: "127.0.0.1", port: 6443 });
 *   await cluster.startControllers();
 *   await cluster.stop();
 */
export class Cluster {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly pki: Pki;
  readonly server: ApiServer;
  readonly storage: Storage;
  readonly #options: ClusterOptions;
  readonly #tokens: LegacyTokenIssuer;
  readonly #nodes = new Map<string, NodeConnection>();
  readonly #stop = new AbortController();
  readonly #rotation: CertificateRotation;
  #informers: InformerFactory | undefined;
  #manager: ControllerManager | undefined;
  #scheduler: Scheduler | undefined;
  #isListening = false;
  #isBootstrapped = false;
  /** What nobody waits for at the start. */
  #alsoMade: Promise<unknown> = Promise.resolve();

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
    this.clock = options.clock ?? new RealClock();
    this.random = options.random ?? new SystemRandom();
    this.logger = options.logger ?? silentLogger;
    this.storage = options.storage ?? new MemoryStorage();
    this.pki = options.pki ?? createPki({ clock: this.clock });
    const { pki, clock, signal } = this;
    const onRenewed = (names: readonly CertificateName[]): Promise<void> => this.#show(names);
    this.#rotation = new CertificateRotation({ pki, clock, signal, logger: this.logger, onRenewed });
    // Every v1 and beta version; Kubernetes leaves betas off, but who writes manifests and operators wants to try them.
    const scheme = builtinScheme({ betas: true });
    const nodes: NodeLocator = { connection: (name) => this.#nodes.get(name) };
    const events = new ServerEvents(() => this);
    const security = newSecurity({
      onWebhookFailure: (failure) => reportWebhook(events, failure),
      onWebhookRecovery: (webhook) => reportRecovery(events, webhook),
      ...options.security,
      pki: this.pki,
      clock: this.clock,
      random: this.random,
      clusterDomain,
    });
    this.#tokens = security.tokens;
    this.server = new ApiServer({
      storage: this.storage,
      scheme,
      clock: this.clock,
      random: this.random,
      logger: this.logger,
      security: security.open,
      ...(options.audit === undefined ? {} : { audit: options.audit }),
      ...(options.cpuMs === undefined ? {} : { cpuMs: options.cpuMs }),
      ...interceptOf(options),
      ...(options.decoded === undefined ? {} : { decoded: options.decoded }),
      webhookCalls: options.security?.webhookCalls,
      onConversion: (definition, failure) => reportConversion(events, definition, failure),
      ...(options.healthChecks === undefined ? {} : { healthChecks: options.healthChecks }),
      extensions: [...registryExtensions({ serviceCidr: this.serviceCidr }), ...security.extensions],
      aggregation: {
        clientCertificate: () => options.security?.proxyClient ?? this.pki.frontProxyClient,
        ...(options.security?.proxies === undefined ? {} : { userHeaders: options.security.proxies.headers }),
        onUnavailable: (failure) => reportApiService(events, failure),
      },
      nodes,
      connect: (dependencies) => connectHandlers(dependencies, this.clock),
      ...(options.history !== undefined && routesOf(options.history)),
      documents: {
        "/.well-known/openid-configuration": () =>
          security.tokens.discovery("https://kubernetes.default.svc"),
        "/openid/v1/jwks": () => security.tokens.keySet(),
      },
      descriptionsFile: new URL("./descriptions.json", import.meta.url),
    });
  }

  get serviceCidr(): string {
    return this.#options.serviceCidr ?? defaultServiceCidr;
  }

  /** Aborts when the cluster stops. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** A client of this process that acts as the user; by default as the cluster's administrator. */
  client(user: UserInfo = adminUser): Client {
    return newClient(this.server.inProcessTransport(user));
  }

  /** The caches that all parts of the control plane share. */
  get informers(): InformerFactory {
    this.#informers ??= new SharedInformerFactory({
      client: this.client(controllerManagerUser),
      clock: this.clock,
      logger: this.logger,
      whileEmpty: (reference) => this.server.whileEmpty(reference),
    });
    return this.#informers;
  }

  /** Fills the server's caches; from here on in-process clients work. */
  async startApi(): Promise<void> {
    await this.server.start();
    this.#rotation.start();
    const { storage, clock, logger, signal } = this;
    if (this.#options.keepsHistory !== true)
      startCompactor({ storage, clock, logger: logger.named("compactor"), signal });
  }

  /** Opens HTTPS on the address; may be called for several. Resolves with the port. */
  async listen(at: ListenAt): Promise<number> {
    const { pki } = this;
    const { proxies } = this.#options.security ?? {};
    const others = proxies === undefined ? [] : [proxies.authorities];
    const tls = {
      get key() {
        return pki.server.key;
      },
      get cert() {
        return pki.server.certificate;
      },
      get clientCa() {
        return [pki.authority.certificate, pki.frontProxyAuthority.certificate, ...others];
      },
    };
    const bound = await this.server.listen({ tls, ...at });
    this.#isListening = true;
    this.#publishAuthentication();
    return bound;
  }

  /** Renews what fell due while no server ran, for whoever keeps its PKI meanwhile. */
  async renewDue(): Promise<void> {
    await this.#rotation.renewDue();
  }

  /** What was renewed, to all who were told of what it replaces. */
  async #show(names: readonly CertificateName[]): Promise<void> {
    this.server.renewCertificates();
    if (names.includes("ca") || names.includes("front-proxy-ca")) this.#publishAuthentication();
    const manager = this.#manager;
    if (names.includes("ca") && manager !== undefined) {
      await Promise.all(authorityControllers.map((name) => manager.restart(name)));
    }
    await this.#options.onRenewed?.(names);
  }

  /** Other API servers want to know it, and need a port to ask at: a cluster that has none makes no keys for it. */
  #publishAuthentication(): void {
    if (!this.#isListening || !this.#isBootstrapped) return;
    publishAuthentication(this.client(), this.pki, this.#options.security).catch((error: unknown) => {
      if (!this.signal.aborted)
        this.logger.error("other API servers are not told whom to believe", { error: String(error) });
    });
  }

  /** Makes what every cluster has (namespaces, roles, the `kubernetes` Service), once the API has started. */
  async bootstrap(): Promise<void> {
    if (this.#options.isBootstrapped === true) {
      this.#alsoMade = this.#keepUp();
      return;
    }
    const parts = { client: this.client(), reader: this.server.reader, logger: this.logger };
    const { dnsAddress, apiEndpoint } = this.#options;
    const apiServiceAddress = apiAddressIn(this.serviceCidr);
    const settings = {
      apiServiceAddress,
      storageClass: this.#options.defaultStorageClass !== false,
      today: formatTime(this.clock.now()).slice(0, 10),
      ...(dnsAddress === undefined ? {} : { dnsAddress }),
      ...(apiEndpoint === undefined ? {} : { apiEndpoint }),
    };
    await Promise.all([
      // In the stores roles need no namespace: they share a sync of the disk with the namespaces.
      reconcileBootstrapPolicyInStores(this.server.stores, this.server.reader),
      bootstrapNamespaces(parts).then(() => bootstrapObjects(parts, settings)),
    ]);
    const range = publishServiceRange(parts.client, this.serviceCidr, formatTime(this.clock.now()));
    this.#alsoMade = Promise.all([
      this.#keepUp(),
      range.catch(this.#unlessStopped("the range of Services was not published")),
    ]);
  }

  /** Resolves when also that is there which `bootstrap` does not wait for. */
  async bootstrapped(): Promise<void> {
    await this.#alsoMade;
  }

  async #keepUp(): Promise<void> {
    this.#isBootstrapped = true;
    this.#publishAuthentication();
    // Until they are there the server acts as if they were: nothing waits for them.
    await this.server.maintainFlowControl().catch(this.#unlessStopped("no flow schemas were made"));
  }

  #unlessStopped(message: string): (error: unknown) => void {
    return (error) => {
      if (!this.signal.aborted) this.logger.error(message, { error: String(error) });
    };
  }

  /** Starts controllers and scheduler; resolves when their caches have synced. */
  async startControllers(): Promise<void> {
    const registrations = controllerRegistrations({
      authority: () => this.pki.authority,
      tokens: this.#tokens,
      ...(this.#options.localVolumes === undefined ? {} : { localVolumes: this.#options.localVolumes }),
      ...(this.#options.hostPorts === undefined ? {} : { hostPorts: this.#options.hostPorts }),
    });
    this.#manager = new ControllerManager({
      metrics: this.server.metrics,
      ...(this.#options.history !== undefined && { causes: this.#options.history.causes }),
      registrations,
      clock: this.clock,
      logger: this.logger,
      newContext: (name, signal) => this.#contextOf(name, controllerUser(name), signal),
    });
    this.#manager.startAll(this.#options.controllers);
    if (this.#options.scheduler !== false) {
      this.#scheduler = new Scheduler({
        ...this.#contextOf("default-scheduler", schedulerUser, this.signal),
        metrics: this.server.metrics,
      });
      void this.#scheduler.start(this.signal);
    }
    await this.informers.start(this.signal);
  }

  /** The names of all controllers, running or not; empty before `startControllers`. */
  controllerNames(): readonly string[] {
    return this.#manager?.names() ?? [];
  }

  /** Throws TypeError when no controller has the name. One that runs stays as it is. */
  startController(name: string): void {
    this.#manager?.start(name);
  }

  /** Resolves when what it was doing is done. */
  async stopController(name: string): Promise<void> {
    await this.#manager?.stop(name);
  }

  /** Connects a node's agent, so that the API server reaches its logs and streams. */
  connectNode(name: string, connection: NodeConnection): void {
    this.#nodes.set(name, connection);
  }

  /** Its logs and streams are out of reach from here on. Another agent that was connected under the name stays. */
  disconnectNode(name: string, connection: NodeConnection): void {
    if (this.#nodes.get(name) === connection) this.#nodes.delete(name);
  }

  /** What a part of the cluster is given to work with, acting as the user. */
  contextFor(component: string, user: UserInfo): ControllerContext {
    return this.#contextOf(component, user, this.signal);
  }

  #contextOf(component: string, user: UserInfo, signal: AbortSignal): ControllerContext {
    const transport = this.server.inProcessTransport(user);
    const client = newClient(this.#options.connect?.(component, transport, signal) ?? transport);
    const { clock, random } = this;
    return {
      client,
      informers: this.informers,
      events: newEventRecorder({ client, clock, random, component, signal }),
      clock,
      random,
      logger: this.logger.named(component),
      signal,
    };
  }

  /** Breaks everything off at once, as when the process is killed. The storage stays open. */
  async crash(): Promise<void> {
    this.#stop.abort();
    void this.#manager?.stopAll();
    await this.server.close({ isAbrupt: true });
  }

  /** Stops everything and closes the storage. What runs on nodes runs on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#manager?.stopAll();
    await this.server.close();
    await this.storage.close();
  }
}
