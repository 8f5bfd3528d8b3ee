import type { Event } from "../api/types/core-v1.ts";
import { type Clock, formatTime } from "../apimachinery/clock.ts";
import { formatApiVersion, type GroupVersionKind } from "../apimachinery/gvk.ts";
import { fnv32a } from "../apimachinery/hash.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { KubernetesObject, UnstructuredObject } from "../apimachinery/object.ts";
import { isAlreadyExists } from "../apimachinery/status.ts";
import { systemContext } from "../apiserver/authentication/system-context.ts";
import type { ObjectReader } from "../apiserver/object-reader.ts";
import type { ResourceStores } from "../apiserver/registry/strategy.ts";

const events = { group: "", version: "v1", resource: "events" };
/** What fails for each of a thousand requests is news once in a while. */
const quietMs = 2_000;
const messageMax = 1024;
/** Beyond so many failures the one that came first is counted anew: what their words hold comes from clients. */
const maxKnown = 1_000;

export interface ServerEventsOptions {
  readonly server: { readonly reader: ObjectReader; readonly stores: ResourceStores };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A warning, or that what was warned of is over. */
export interface ServerWarning {
  /** Of the object, which has no namespace. */
  readonly kind: GroupVersionKind;
  readonly name: string;
  readonly reason: string;
  readonly message: string;
  /** Default: a warning. */
  readonly type?: "Normal" | "Warning";
}

/**
 * Warnings of the API server about objects that it works by, as events: who runs the cluster sees them there. They go straight
 * into the store, because what they tell of may stand in the way of those who ask. A warning that comes again is counted.
 */
export class ServerEvents {
  readonly #options: () => ServerEventsOptions;
  readonly #warnings = new Map<string, { count: number; writtenAtMs: number }>();

  constructor(options: () => ServerEventsOptions) {
    this.#options = options;
  }

  warn(warning: ServerWarning): void {
    const { clock, logger, server } = this.#options();
    const { kind, name, reason, message } = warning;
    const plural = { group: kind.group, resource: `${kind.kind.toLowerCase()}s` };
    const about = server.reader.get<KubernetesObject>(plural, "", name);
    if (about === undefined) return;
    const key = `${about.metadata.uid} ${reason} ${message}`;
    const known = this.#warnings.get(key) ?? { count: 0, writtenAtMs: Number.NEGATIVE_INFINITY };
    known.count++;
    this.#warnings.set(key, known);
    if (this.#warnings.size > maxKnown) this.#forgetOldest();
    if (clock.now() - known.writtenAtMs < quietMs) return;
    known.writtenAtMs = clock.now();
    this.#write(this.#event(about, warning, key, known.count)).catch((error: unknown) => {
      logger.warn("an event was not written", { about: name, error: String(error) });
    });
  }

  #forgetOldest(): void {
    const [oldest] = this.#warnings.keys();
    if (oldest !== undefined) this.#warnings.delete(oldest);
  }

  #event(
    { metadata }: KubernetesObject,
    { kind, reason, message, type = "Warning" }: ServerWarning,
    key: string,
    count: number,
  ): Event {
    const now = formatTime(this.#options().clock.now());
    const { name = "", uid } = metadata;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace: "default", name: `${name}.${fnv32a(key).toString(16)}` },
      involvedObject: { apiVersion: formatApiVersion(kind), kind: kind.kind, name, uid },
      reason,
      message: message.slice(0, messageMax),
      type,
      source: { component: "kube-apiserver" },
      reportingComponent: "kube-apiserver",
      reportingInstance: "",
      count,
      firstTimestamp: now,
      lastTimestamp: now,
    };
  }

  async #write(event: Event): Promise<void> {
    const { stores } = this.#options().server;
    const { namespace = "", name = "" } = event.metadata;
    try {
      const context = systemContext("create", events, event.metadata);
      // What clients send is decoded, which leaves the time of an event that has none as null.
      const stored = { ...event, eventTime: null } as unknown as UnstructuredObject;
      await stores.create(context, "", "events", namespace, stored);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const { count, lastTimestamp } = event;
      const context = systemContext("update", events, event.metadata);
      await stores.update(context, "", "events", namespace, name, "", (current) => ({
        ...current,
        count,
        lastTimestamp,
      }));
    }
  }
}
