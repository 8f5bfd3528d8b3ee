import type { Event } from "../api/types/core-v1.ts";
import { type Clock, formatTime } from "../apimachinery/clock.ts";
import { fnv32a } from "../apimachinery/hash.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { KubernetesObject, UnstructuredObject } from "../apimachinery/object.ts";
import { isAlreadyExists } from "../apimachinery/status.ts";
import type { WebhookFailure } from "../apiserver/admission/webhooks/index.ts";
import { systemContext } from "../apiserver/authentication/system-context.ts";
import type { ObjectReader } from "../apiserver/object-reader.ts";
import type { ResourceStores } from "../apiserver/registry/strategy.ts";

/** The reason of the events; `sampan status` looks for it. */
export const webhookFailedReason = "WebhookFailed";

const kinds = {
  mutating: "MutatingWebhookConfiguration",
  validating: "ValidatingWebhookConfiguration",
} as const;
const events = { group: "", version: "v1", resource: "events" };
/** A webhook that fails for each of a thousand requests is news once in a while. */
const quietMs = 2_000;
const messageMax = 1024;
/** Beyond so many failures the one that came first is counted anew: what their words hold comes from clients. */
const maxKnown = 1_000;

export interface WebhookEventsOptions {
  readonly server: { readonly reader: ObjectReader; readonly stores: ResourceStores };
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Says in an event about the configuration that one of its webhooks cannot be asked: who is refused sees it in the error, who
 * runs the cluster sees it here. The event goes straight into the store: the webhook might be asked about events too.
 */
export class WebhookEvents {
  readonly #options: () => WebhookEventsOptions;
  readonly #failures = new Map<string, { count: number; writtenAtMs: number }>();

  constructor(options: () => WebhookEventsOptions) {
    this.#options = options;
  }

  report({ type, configuration, webhook, why, isIgnored }: WebhookFailure): void {
    const { clock, logger, server } = this.#options();
    const plural = { group: "admissionregistration.k8s.io", resource: `${kinds[type].toLowerCase()}s` };
    const about = server.reader.get<KubernetesObject>(plural, "", configuration);
    if (about === undefined) return;
    const key = `${about.metadata.uid} ${webhook} ${why}`;
    const known = this.#failures.get(key) ?? { count: 0, writtenAtMs: Number.NEGATIVE_INFINITY };
    known.count++;
    this.#failures.set(key, known);
    if (this.#failures.size > maxKnown) this.#forgetOldest();
    if (clock.now() - known.writtenAtMs < quietMs) return;
    known.writtenAtMs = clock.now();
    const what = isIgnored
      ? "requests go on without it"
      : "requests that it is to be asked about are refused";
    const event = this.#event(
      about,
      kinds[type],
      `webhook "${webhook}" fails, ${what}: ${why}`,
      key,
      known.count,
    );
    this.#write(event).catch((error: unknown) => {
      logger.warn("an event about a webhook was not written", { configuration, error: String(error) });
    });
  }

  #forgetOldest(): void {
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  #event({ metadata }: KubernetesObject, kind: string, message: string, key: string, count: number): Event {
    const now = formatTime(this.#options().clock.now());
    const { name = "", uid } = metadata;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace: "default", name: `${name}.${fnv32a(key).toString(16)}` },
      involvedObject: { apiVersion: "admissionregistration.k8s.io/v1", kind, name, uid },
      reason: webhookFailedReason,
      message: message.slice(0, messageMax),
      type: "Warning",
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
