import type { Event } from "../api/types/core-v1.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { formatTime } from "../apimachinery/clock.ts";
import { type Logger, silentLogger } from "../apimachinery/logger.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { isNotFound, StatusError } from "../apimachinery/status.ts";
import type { Client, ResourceClient } from "./client.ts";
import { EventCorrelator } from "./event-correlator.ts";
import { resources } from "./resources.ts";

/**
 * Records events (core/v1) about objects, as `kubectl describe` shows them. Like events are counted up, not repeated;
 * recording never throws, never waits and drops events when too many are pending.
 */
export interface EventRecorder {
  /** `fieldPath` names the part that is meant: `spec.containers{web}`. */
  event(
    about: KubernetesObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    fieldPath?: string,
  ): void;
  /** A recorder of the same sink whose events name another component: `kubelet`, `deployment-controller`. */
  forComponent(component: string, host?: string): EventRecorder;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Keeps the names of events apart that two recorders make within the same millisecond. */
  readonly random: Random;
  readonly component: string;
  /** The node, for components that run on one. */
  readonly host?: string;
  readonly logger?: Logger;
  /** When it aborts, whoever records has ended: what is not written at the next try is not written at all. */
  readonly signal?: AbortSignal;
}

/** A recorder with a sink of its own; `forComponent` makes more recorders of the same sink. */
export function newEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new SinkRecorder(new EventSink(options), options.component, options.host);
}

class SinkRecorder implements EventRecorder {
  readonly #sink: EventSink;
  readonly #component: string;
  readonly #host: string | undefined;

  constructor(sink: EventSink, component: string, host: string | undefined) {
    this.#sink = sink;
    this.#component = component;
    this.#host = host;
  }

  event(
    about: KubernetesObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    fieldPath?: string,
  ): void {
    const { name = "", namespace, uid, resourceVersion } = about.metadata;
    const source = { component: this.#component, ...(this.#host === undefined ? {} : { host: this.#host }) };
    const { apiVersion, kind } = about;
    this.#sink.accept({
      // Objects without a namespace have their events in the default one.
      metadata: { namespace: namespace === undefined || namespace === "" ? "default" : namespace },
      involvedObject: { apiVersion, kind, name, namespace, uid, resourceVersion, fieldPath },
      reason,
      message: message.length > messageMax ? `${message.slice(0, messageMax - 3)}...` : message,
      type,
      source,
      reportingComponent: this.#component,
      reportingInstance: this.#host ?? "",
    });
  }

  forComponent(component: string, host?: string): EventRecorder {
    return new SinkRecorder(this.#sink, component, host);
  }
}

/** Validation of events refuses longer messages. */
const messageMax = 1024;
/** More events than this wait only when the server cannot keep up; newer ones are then dropped. */
const pendingMax = 1000;
const triesMax = 12;
const retryDelayMs = 10_000;

type NewEvent = Omit<Event, "apiVersion" | "kind">;

/** Writes events one after another, so that counts of one event reach the server in order. */
class EventSink {
  readonly #events: ResourceClient<Event>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #correlator: EventCorrelator;
  readonly #signal: AbortSignal | undefined;
  readonly #pending: Event[] = [];
  #writing = false;

  constructor({ client, clock, random, logger = silentLogger, signal }: EventRecorderOptions) {
    this.#events = client.resource(resources.events);
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger;
    this.#signal = signal;
    this.#correlator = new EventCorrelator(clock);
  }

  accept(given: NewEvent): void {
    if (this.#pending.length >= pendingMax) {
      this.#logger.warn("event dropped: too many are pending", { reason: given.reason });
      return;
    }
    const now = formatTime(this.#clock.now());
    const metadata = { ...given.metadata, name: this.#nameFor(given.involvedObject.name ?? "") };
    this.#pending.push({
      apiVersion: "v1",
      kind: "Event",
      ...given,
      metadata,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
    });
    if (!this.#writing) void this.#drain();
  }

  /** `web-0.18a3f0c2b1d4e5f6`: the object and the time in nanoseconds, of which the last six digits are chance. */
  #nameFor(name: string): string {
    const nanoseconds =
      BigInt(this.#clock.now()) * 1_000_000n + BigInt(Math.floor(this.#random.next() * 1_000_000));
    return `${name}.${nanoseconds.toString(16)}`;
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    for (let event = this.#pending.shift(); event !== undefined; event = this.#pending.shift()) {
      const correlated = this.#correlator.correlate(event);
      if (correlated !== undefined) await this.#write(correlated.event, correlated.seenBefore);
    }
    this.#writing = false;
  }

  async #write(event: Event, seenBefore: boolean): Promise<void> {
    for (let tries = 1; tries <= triesMax; tries++) {
      try {
        await this.#writeOnce(event, seenBefore);
        return;
      } catch (error) {
        // An answer is final: the same event would get the same one again. Only a silent server is asked again.
        if (error instanceof StatusError && error.code < 500) {
          this.#logger.debug("event refused", { reason: event.reason, error: error.message });
          return;
        }
        this.#logger.debug("event not written", { reason: event.reason, error: String(error) });
        if (await this.#endsWithin(tries === 1 ? retryDelayMs * this.#random.next() : retryDelayMs)) {
          this.#pending.length = 0;
          return;
        }
      }
    }
    this.#logger.warn("event dropped: it could not be written", { reason: event.reason });
  }

  /** Waits before the next try; true, at once, when there is to be none. */
  async #endsWithin(delayMs: number): Promise<boolean> {
    await this.#clock.sleep(delayMs, this.#signal).catch(() => undefined);
    return this.#signal?.aborted === true;
  }

  async #writeOnce(event: Event, seenBefore: boolean): Promise<void> {
    const { namespace = "default", name = "" } = event.metadata;
    if (seenBefore) {
      const { count, message, lastTimestamp } = event;
      try {
        await this.#events.patch(name, { count, message, lastTimestamp }, { type: "merge", namespace });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    await this.#events.create(event, { namespace });
  }
}
