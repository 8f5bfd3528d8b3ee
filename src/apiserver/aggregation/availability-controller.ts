import { type Clock, formatTime, type Timer } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { systemContext } from "../authentication/system-context.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import {
  type Availability,
  apiServices,
  asApiService,
  availability,
  localAvailability,
  withAvailability,
} from "./api-service.ts";
import type { Unavailable } from "./api-services.ts";
import { checkAvailability } from "./availability-check.ts";
import type { AvailabilityMetrics } from "./availability-metrics.ts";
import type { RemoteServer } from "./remote-server.ts";

export interface AvailabilityOptions {
  readonly reader: ObjectReader;
  readonly stores: ResourceStores;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AvailabilityMetrics;
  /** The server that the APIService leads to now. */
  readonly remote: (name: string) => RemoteServer | undefined;
  readonly onUnavailable: ((failure: Unavailable) => void) | undefined;
  /** Ends all checks. */
  readonly signal: AbortSignal;
}

/** After a failed check the next one follows soon, and then ever later. */
const firstRetryMs = 5;
const maxRetryMs = 30_000;
/** What nobody tells of, such as a network that is cut, is found within this time. */
const recheckMs = 30_000;

/**
 * Writes into each APIService whether the server that it leads to can be reached: when it changes, when its Service or the
 * endpoints of that do, and from time to time. (Mirrors kube-aggregator's controllers of availability.)
 */
export class AvailabilityController {
  readonly #options: AvailabilityOptions;
  /** Names that are being checked; true when another check is due afterwards. */
  readonly #running = new Map<string, boolean>();
  readonly #retries = new Map<string, Timer>();
  readonly #failures = new Map<string, number>();
  /** What the last check has found, and of which server. */
  readonly #last = new Map<
    string,
    { readonly server: RemoteServer | undefined; readonly found: Availability }
  >();
  /** The names by `namespace/name` of the Service that they lead to. */
  readonly #services = new Map<string, Set<string>>();

  constructor(options: AvailabilityOptions) {
    this.#options = options;
    const { reader, clock, signal } = options;
    const removals = [
      reader.onChange({ group: "", resource: "services" }, (object, old) =>
        this.#serviceChanged(object ?? old, ({ name = "" }) => name),
      ),
      reader.onChange({ group: "discovery.k8s.io", resource: "endpointslices" }, (object, old) =>
        this.#serviceChanged(object ?? old, ({ labels }) => labels?.["kubernetes.io/service-name"] ?? ""),
      ),
    ];
    const rechecks = clock.every(recheckMs, () => {
      for (const names of this.#services.values()) for (const name of names) this.enqueue(name);
    });
    const stop = (): void => {
      for (const remove of removals) remove();
      for (const retry of this.#retries.values()) retry.stop();
      rechecks.stop();
    };
    signal.addEventListener("abort", stop, { once: true });
  }

  /** To be called for each change of an APIService: checks it, unless what has changed is what the last check wrote. */
  changed(name: string): void {
    const { reader, remote } = this.#options;
    const last = this.#last.get(name);
    const conditions = asApiService(reader.get(apiServices, "", name))?.status?.conditions ?? [];
    const isKnown = last !== undefined && withAvailability(conditions, last.found, "") === conditions;
    if (!isKnown || last.server !== remote(name)) this.enqueue(name);
  }

  /** Checks the APIService of the name, now or when the check that is under way has ended. */
  enqueue(name: string): void {
    if (this.#options.signal.aborted) return;
    this.#retries.get(name)?.stop();
    this.#retries.delete(name);
    if (this.#running.has(name)) {
      this.#running.set(name, true);
      return;
    }
    this.#running.set(name, false);
    void this.#run(name);
  }

  async #run(name: string): Promise<void> {
    try {
      const isDone = await this.#reconcile(name);
      if (isDone) this.#failures.delete(name);
      else this.#retry(name);
    } catch (error) {
      this.#options.logger.warn("an APIService could not be checked", { name, error: String(error) });
      this.#retry(name);
    }
    const isDue = this.#running.get(name) === true;
    this.#running.delete(name);
    if (isDue) this.enqueue(name);
  }

  #retry(name: string): void {
    const { clock, signal } = this.#options;
    if (signal.aborted) return;
    const failures = this.#failures.get(name) ?? 0;
    this.#failures.set(name, failures + 1);
    const delayMs = Math.min(firstRetryMs * 2 ** failures, maxRetryMs);
    this.#retries.set(
      name,
      clock.after(delayMs, () => this.enqueue(name)),
    );
  }

  /** Resolves with whether all is well, or cannot become so before something changes. */
  async #reconcile(name: string): Promise<boolean> {
    const { reader, remote } = this.#options;
    const server = remote(name);
    this.#follow(name, server);
    if (server === undefined) {
      const isThere = asApiService(reader.get(apiServices, "", name)) !== undefined;
      if (isThere) await this.#write(name, localAvailability, undefined);
      else this.#last.delete(name);
      return true;
    }
    const found = await checkAvailability(server, reader);
    await this.#write(name, found, server);
    return found.reason !== "FailedDiscoveryCheck";
  }

  #follow(name: string, server: RemoteServer | undefined): void {
    for (const [key, names] of this.#services) {
      names.delete(name);
      if (names.size === 0) this.#services.delete(key);
    }
    if (server === undefined) return;
    const key = serviceKey(server.spec.service ?? {});
    const names = this.#services.get(key);
    if (names === undefined) this.#services.set(key, new Set([name]));
    else names.add(name);
  }

  #serviceChanged(
    object: KubernetesObject | undefined,
    serviceOf: (metadata: KubernetesObject["metadata"]) => string,
  ): void {
    if (object === undefined) return;
    const { metadata } = object;
    const key = serviceKey({ namespace: metadata.namespace, name: serviceOf(metadata) });
    for (const name of this.#services.get(key) ?? []) this.enqueue(name);
  }

  async #write(name: string, found: Availability, checked: RemoteServer | undefined): Promise<void> {
    const { reader, stores, clock, metrics, onUnavailable, remote, signal } = this.#options;
    // What was found of a server says nothing of the one that has taken its place meanwhile.
    if (signal.aborted || remote(name) !== checked) return;
    this.#last.set(name, { server: checked, found });
    const object = asApiService(reader.get(apiServices, "", name));
    if (object === undefined) return;
    const now = formatTime(clock.now());
    const before = availability(object);
    const conditions = object.status?.conditions ?? [];
    if (withAvailability(conditions, found, now) === conditions) return;
    const context = systemContext("update", apiServices, object.metadata, "status");
    try {
      await stores.update(context, apiServices.group, apiServices.resource, "", name, "status", (current) => {
        const present = asApiService(current)?.status;
        const next = withAvailability(present?.conditions ?? [], found, now);
        return { ...current, status: { ...present, conditions: next } };
      });
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    if (found.status === "True") return;
    if (before?.status === "True") metrics.lost(name, found.reason);
    onUnavailable?.({ name, reason: found.reason, message: found.message });
  }
}

const serviceKey = ({
  namespace = "",
  name = "",
}: {
  namespace?: string | undefined;
  name?: string | undefined;
}) => `${namespace}/${name}`;
