import { Backoff } from "../apimachinery/backoff.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { deepFreeze } from "../apimachinery/json.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { isResourceExpired, StatusError } from "../apimachinery/status.ts";
import type { WatchEvent } from "../apimachinery/transport.ts";
import type { Client, ResourceClient, ResourceReference } from "./client.ts";
import type { InformerOptions } from "./informer.ts";

/** Where a reflector brings what it learns. Called synchronously, in revision order. */
export interface ReflectorSink<T> {
  /** Everything that exists at the revision. */
  replace(objects: readonly T[], resourceVersion: string): void;
  /** One change; a bookmark carries nothing but its resourceVersion. */
  apply(event: WatchEvent<T>): void;
}

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: Client;
  readonly reference: ResourceReference<T>;
  readonly selection: InformerOptions;
  readonly sink: ReflectorSink<T>;
  readonly clock: Clock;
  readonly random?: Random | undefined;
  readonly logger: Logger;
  /** Ask for the initial state as a stream of events (`sendInitialEvents`); falls back to a list when refused. */
  readonly streamInitialState?: boolean;
}

/** As client-go's reflector waits: from 0.8 s to 30 s, spread by chance so that clients do not return in step. */
const retryDelays = { initialMs: 800, maxMs: 30_000, factor: 2, jitter: 1 };
/** A watch that held this long has proved the server well. */
const healthyAfterMs = 120_000;
/** A server ends watches after 5 to 10 minutes at the client's wish, so that a dead connection is noticed. */
const watchSecondsMin = 300;
/** Pages keep one answer small; a server whose cache answers ignores the limit. */
const pageSize = 500;

/**
 * Keeps a sink equal to a resource: lists once, then watches from there, resuming at the last revision seen whenever
 * the watch ends. Only a revision that has expired makes it list again. (Mirrors k8s.io/client-go/tools/cache.)
 */
export class Reflector<T extends KubernetesObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #resource: ResourceClient<T>;
  readonly #backoff: Backoff;
  /** The newest revision that the sink reflects; undefined when it must be told everything anew. */
  #resourceVersion: string | undefined;
  #listedBefore = false;
  #streams: boolean;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#resource = options.client.resource(options.reference);
    const { random } = options;
    this.#backoff = new Backoff(random === undefined ? retryDelays : { ...retryDelays, random });
    this.#streams = options.streamInitialState ?? false;
  }

  /** Runs until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startMs = this.#options.clock.now();
      try {
        if (this.#resourceVersion === undefined && !this.#streams) await this.#list(signal);
        const events = await this.#watch(signal);
        const heldMs = this.#options.clock.now() - startMs;
        if (heldMs >= healthyAfterMs) this.#backoff.reset();
        // A server that ends every watch at once must not be asked in a loop.
        if (events === 0 && heldMs < 1000 && !signal.aborted) await this.#pause(signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(error, signal);
      }
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { logger, reference } = this.#options;
    const { resource } = reference;
    if (isResourceExpired(error)) {
      logger.debug("watch expired, listing again", { resource });
      const first = this.#resourceVersion !== undefined;
      this.#resourceVersion = undefined;
      if (first) return;
    }
    if (this.#streams && this.#resourceVersion === undefined && isRefusal(error)) {
      this.#streams = false;
      return;
    }
    logger.warn("list or watch failed", { resource, error: String(error) });
    await this.#pause(signal);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(this.#backoff.next(), signal).catch(() => undefined);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { selection, sink } = this.#options;
    // The first list may come from the server's cache; after an expiry only the newest state helps.
    const revision = this.#listedBefore ? {} : { resourceVersion: "0" };
    this.#listedBefore = true;
    let page = await this.#resource.list({ ...selection, ...revision, limit: pageSize, signal });
    const items: T[] = [...page.items];
    while (page.metadata.continue !== undefined && page.metadata.continue !== "") {
      page = await this.#resource.list({
        ...selection,
        limit: pageSize,
        continue: page.metadata.continue,
        signal,
      });
      items.push(...page.items);
    }
    if (signal.aborted) return;
    const resourceVersion = page.metadata.resourceVersion ?? "";
    sink.replace(items.map(deepFreeze), resourceVersion);
    this.#resourceVersion = resourceVersion;
    this.#backoff.reset();
  }

  /** Returns how many events came before the server ended the watch. */
  async #watch(signal: AbortSignal): Promise<number> {
    const { selection, sink, random } = this.#options;
    const initial = this.#resourceVersion === undefined;
    const watch = this.#resource.watch({
      ...selection,
      ...(initial
        ? { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" }
        : { resourceVersion: this.#resourceVersion ?? "" }),
      allowWatchBookmarks: true,
      timeoutSeconds: Math.floor(watchSecondsMin * (1 + (random?.next() ?? 0))),
      signal,
    });
    let events = 0;
    let collected: T[] | undefined = initial ? [] : undefined;
    for await (const event of watch) {
      // Stopping may race with an event that is under way: nobody wants it any more.
      if (signal.aborted) return events;
      events++;
      const resourceVersion = event.object.metadata.resourceVersion ?? "";
      if (collected === undefined) {
        sink.apply({ type: event.type, object: deepFreeze(event.object) });
        this.#resourceVersion = resourceVersion;
      } else if (event.type !== "BOOKMARK") {
        collected.push(deepFreeze(event.object));
      } else if (event.object.metadata.annotations?.["k8s.io/initial-events-end"] === "true") {
        sink.replace(collected, resourceVersion);
        collected = undefined;
        this.#resourceVersion = resourceVersion;
      }
    }
    return events;
  }
}

/** The server does not know streaming lists. */
function isRefusal(error: unknown): boolean {
  return error instanceof StatusError && (error.code === 400 || error.code === 422);
}
