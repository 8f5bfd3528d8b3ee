import type { Service } from "../api/types/core-v1.ts";
import type { EndpointSlice } from "../api/types/discovery-v1.ts";
import type { ServiceCIDR } from "../api/types/networking-v1.ts";
import type { Clock, Timer } from "../apimachinery/clock.ts";
import { type HostPorts, hostPortRefusal } from "../apimachinery/host-ports.ts";
import { parseIpv4Range } from "../apimachinery/ipv4-range.ts";
import type { Logger } from "../apimachinery/logger.ts";
import { joinKey, keyOf } from "../apimachinery/object.ts";
import type { Informer } from "../client/informer.ts";
import {
  baseTable,
  hairpinElement,
  mergeRules,
  type PortRules,
  portRules,
  type TableSettings,
  transition,
} from "./rules.ts";
import { type ServicePortState, servicePortStates } from "./service-ports.ts";

/**
 * Keeps the node's data path in step with Services and EndpointSlices: what kube-proxy does, as one nftables table. A
 * change becomes one small transaction; changes that come while one runs share the next.
 */
export interface ServiceProxyOptions {
  readonly settings: Omit<TableSettings, "serviceCidrs">;
  /** The cluster's own range of Service addresses. */
  readonly serviceCidr: string;
  /** Ranges beside it. */
  readonly serviceCidrs: Informer<ServiceCIDR>;
  readonly nodeName: string;
  readonly services: Informer<Service>;
  readonly endpointSlices: Informer<EndpointSlice>;
  /** Leads packets of the host for further ranges to the cluster, and for those that are gone no more. */
  readonly route: (added: readonly string[], gone: readonly string[]) => Promise<void>;
  /** Runs a script with `nft -f -`; rejects with what nft said. */
  readonly runNft: (script: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `namespace/name` of Services that the host answers itself, at their own address. */
  readonly answeredByHost: ReadonlySet<string>;
  /** Node ports are the machine's, which other clusters may share; without it all are this cluster's. */
  readonly hostPorts?: HostPorts;
  /** Told when a Service's node ports are another cluster's; they lead nowhere until that one gives them up. */
  readonly onRefused?: (service: Service, message: string) => void;
}

const serviceOfSlice = "kubernetes.io/service-name";
/** On Services that something else on the node serves, whatever its value. */
const ofAnotherProxy = "service.kubernetes.io/service-proxy-name";
/** On slices that say what a name resolves to, and not where a Service's address leads. */
const onlyForDns = "service.kubernetes.io/headless";
const nothing: PortRules = { chains: new Map(), elements: new Map(), affinitySets: new Map() };

/** After a failed transaction the whole table is made anew, at most so often. */
const retryDelayMs = 1000;

/** So often node ports are asked for again that another cluster has. */
const askAgainMs = 2000;

/** A withdrawal takes a few tens of milliseconds: the controller's write, and one transaction. */
const withdrawalPollMs = 5;

export class ServiceProxy {
  readonly #options: ServiceProxyOptions;
  /** Rules of each Service, by `namespace/name`: what the next transaction will lead to. */
  readonly #wanted = new Map<string, PortRules>();
  /** What the kernel holds; undefined before the first load and after a failure. */
  #loaded: PortRules | undefined;
  /** The ranges that the kernel knows of. */
  #serviceCidrs: readonly string[];
  /** They have changed since the table was made. */
  #mustReload = false;
  readonly #changed = new Set<string>();
  /** Services whose node ports another cluster has → what was told about it. */
  readonly #refused = new Map<string, string>();
  #asking: Timer | undefined;
  #running: Promise<void> | undefined;
  #retry: Timer | undefined;
  #stopped = false;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#serviceCidrs = [options.serviceCidr];
  }

  /** Resolves when the table is loaded for the first time. The informers must have synced. */
  async start(): Promise<void> {
    const { services, endpointSlices, serviceCidrs } = this.#options;
    endpointSlices.addIndex("service", (slice) => [serviceKeyOf(slice)]);
    endpointSlices.addIndex("address", (slice) => (slice.endpoints ?? []).flatMap((item) => item.addresses));
    const service = (object: Service): void => this.#mark(keyOf(object));
    const slice = (object: EndpointSlice): void => this.#mark(serviceKeyOf(object));
    this.#unsubscribe.push(
      services.addHandler({ added: service, updated: (_old, object) => service(object), deleted: service }),
      endpointSlices.addHandler({ added: slice, updated: (_old, object) => slice(object), deleted: slice }),
      serviceCidrs.addHandler({
        added: () => this.#followRanges(),
        updated: () => this.#followRanges(),
        deleted: () => this.#followRanges(),
      }),
    );
    await this.#sync();
  }

  /** Resolves when every change known now is in the kernel. */
  async settled(): Promise<void> {
    while (this.#running !== undefined || this.#changed.size > 0) await (this.#running ?? this.#sync());
  }

  /**
   * Resolves when new connections no longer go to the address because the control plane holds it for ready, or after the
   * time. What is the last endpoint of its Service may still be sent to: nothing better is there.
   */
  async withdrawn(address: string, limitMs: number): Promise<void> {
    const { clock } = this.#options;
    const endMs = clock.now() + limitMs;
    while (this.#isReadyEndpoint(address) && clock.now() < endMs) await clock.sleep(withdrawalPollMs);
    await Promise.race([this.settled(), clock.sleep(Math.max(0, endMs - clock.now()))]);
  }

  #isReadyEndpoint(address: string): boolean {
    const { services, endpointSlices } = this.#options;
    return endpointSlices.byIndex("address", address).some((slice) => {
      const key = serviceKeyOf(slice);
      if (!(this.#wanted.get(key)?.elements.has(hairpinElement(address)) ?? false)) return false;
      // Whoever publishes addresses that are not ready wants them to stay.
      if (services.getByKey(key)?.spec.publishNotReadyAddresses === true) return false;
      return (slice.endpoints ?? []).some(
        (endpoint) => endpoint.addresses.includes(address) && endpoint.conditions?.ready !== false,
      );
    });
  }

  /** Stops following; the table stays, so that traffic goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#retry?.stop();
    this.#asking?.stop();
    await this.#running;
  }

  /** Ranges come and go rarely: the table is made anew for them. */
  #followRanges(): void {
    const { serviceCidr, serviceCidrs, route, logger } = this.#options;
    const others = serviceCidrs
      .list()
      .flatMap(({ spec }) => spec.cidrs ?? [])
      .filter((cidr) => parseIpv4Range(cidr) !== undefined);
    const now = [...new Set([serviceCidr, ...others.toSorted()])];
    if (now.join() === this.#serviceCidrs.join()) return;
    const gone = this.#serviceCidrs.filter((cidr) => !now.includes(cidr));
    const added = now.filter((cidr) => !this.#serviceCidrs.includes(cidr));
    this.#serviceCidrs = now;
    this.#mustReload = true;
    if (this.#running === undefined) queueMicrotask(() => void this.#sync());
    route(added, gone).catch((error: unknown) =>
      logger.error("could not lead ranges of Services here", { error }),
    );
  }

  #mark(key: string): void {
    this.#changed.add(key);
    // What one event brings often comes with a second one: both go into one transaction.
    if (this.#running === undefined) queueMicrotask(() => void this.#sync());
  }

  #sync(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#running ??= this.#load().finally(() => {
      this.#running = undefined;
      const isMore = this.#changed.size > 0 || this.#mustReload;
      if (isMore && this.#loaded !== undefined) void this.#sync();
    });
    return this.#running;
  }

  async #load(): Promise<void> {
    const { settings, runNft, clock, logger } = this.#options;
    for (const key of this.#changed) this.#render(key);
    this.#changed.clear();
    const target = mergeRules(this.#wanted.values());
    const isWhole = this.#loaded === undefined || this.#mustReload;
    this.#mustReload = false;
    const script = isWhole
      ? baseTable({ ...settings, serviceCidrs: this.#serviceCidrs }) +
        transition(settings.table, nothing, target)
      : transition(settings.table, this.#loaded ?? nothing, target);
    if (script === "") return;
    try {
      await runNft(script);
      this.#loaded = target;
    } catch (error) {
      this.#loaded = undefined;
      logger.error("could not load the Service table; it is made anew", { error });
      this.#retry?.stop();
      this.#retry = clock.after(retryDelayMs, () => void this.#sync());
    }
  }

  #render(key: string): void {
    const { services, endpointSlices, nodeName, answeredByHost } = this.#options;
    const service = services.getByKey(key);
    if (service === undefined || answeredByHost.has(key) || hasLabel(service, ofAnotherProxy)) {
      this.#wanted.delete(key);
      this.#holdNodePorts(key, service, []);
      return;
    }
    const slices = endpointSlices.byIndex("service", key).filter((slice) => !hasLabel(slice, onlyForDns));
    const states = servicePortStates(service, slices, nodeName);
    const reachable = this.#holdNodePorts(key, service, states);
    this.#wanted.set(key, mergeRules(reachable.map(portRules)));
  }

  /** The states as they can be: without node ports where another cluster has one of them. */
  #holdNodePorts(
    key: string,
    service: Service | undefined,
    states: readonly ServicePortState[],
  ): readonly ServicePortState[] {
    const ports = states
      .filter(({ nodePort }) => nodePort > 0)
      .map(({ protocol, nodePort }) => ({ protocol, port: nodePort }));
    const rival = this.#options.hostPorts?.hold(`the node port of Service ${key}`, ports);
    if (rival === undefined) {
      this.#refused.delete(key);
      return states;
    }
    const message = hostPortRefusal(rival);
    if (service !== undefined && this.#refused.get(key) !== message)
      this.#options.onRefused?.(service, message);
    this.#refused.set(key, message);
    this.#asking ??= this.#options.clock.after(askAgainMs, () => {
      this.#asking = undefined;
      for (const waiting of this.#refused.keys()) this.#mark(waiting);
    });
    return states.map((state) => ({ ...state, nodePort: 0 }));
  }
}

const hasLabel = ({ metadata }: Service | EndpointSlice, label: string): boolean =>
  metadata.labels?.[label] !== undefined;

const serviceKeyOf = (slice: EndpointSlice): string =>
  joinKey(slice.metadata.namespace, slice.metadata.labels?.[serviceOfSlice] ?? "");
