import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { Transport } from "../../apimachinery/transport.ts";
import type { AuditBackend } from "./auditor.ts";

export interface AuditWebhookOptions {
  /** Reaches whoever collects events; batches are posted to its address as it is. */
  readonly transport: Pick<Transport, "request"> & { close(): void };
  /** A batch is sent when it has so many events. */
  readonly maxBatchEvents: number;
  /** So long an event waits for others. */
  readonly maxWaitMs: number;
  /** Before the first retry; half as much again before each further one. */
  readonly initialBackoffMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What kube-apiserver does when nothing else was said. */
export const auditWebhookDefaults = { maxBatchEvents: 400, maxWaitMs: 30_000, initialBackoffMs: 10_000 };

/** Beyond this events are dropped: the collector has stopped taking them. The count is kube-apiserver's. */
const maxQueuedEvents = 10_000;
/** Queued and under way. */
const maxHeldCharacters = 64 * 1024 * 1024;
/** A collector that is slow or away is not asked by more than this at once; the others wait in the queue. */
const maxBatchesUnderWay = 10;
const backoff = { factor: 1.5, jitter: 0.2, tries: 5 };
const timeoutMs = 30_000;
/** A server that stops tries once more what it still holds, and waits no longer for it. */
const closeTimeoutMs = 2_000;

/**
 * Sends events to another server, as an EventList of audit.k8s.io/v1 per batch. Requests never wait for it. Whatever goes
 * wrong is tried again, whichever error it is: there is hardly one after which events are better lost. Mirrors
 * apiserver/plugin/pkg/audit/webhook behind …/buffered.
 */
export class AuditWebhook implements AuditBackend {
  readonly plugin = "webhook";
  readonly #options: AuditWebhookOptions;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #queue: string[] = [];
  #heldCharacters = 0;
  #timer: Timer | undefined;
  #lost = 0;
  #dropped = 0;

  constructor(options: AuditWebhookOptions) {
    this.#options = options;
  }

  get lost(): number {
    return this.#lost;
  }

  write(line: string): boolean {
    const isFull =
      this.#queue.length >= maxQueuedEvents || this.#heldCharacters + line.length > maxHeldCharacters;
    if (isFull || this.#closing.signal.aborted) {
      this.#dropped++;
      return false;
    }
    this.#queue.push(line);
    this.#heldCharacters += line.length;
    if (this.#queue.length >= this.#options.maxBatchEvents) this.#sendBatches();
    else this.#sendLater();
    return true;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#timer?.stop();
    while (this.#queue.length > 0) this.#send(this.#takeBatch());
    await Promise.all(this.#underWay);
    this.#options.transport.close();
  }

  #sendLater(): void {
    const { clock, maxWaitMs } = this.#options;
    this.#timer ??= clock.after(maxWaitMs, () => this.#sendBatches());
  }

  /** As many batches as may be under way; what is left waits until one has come back. */
  #sendBatches(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    while (this.#queue.length > 0 && this.#underWay.size < maxBatchesUnderWay) this.#send(this.#takeBatch());
  }

  #takeBatch(): string[] {
    return this.#queue.splice(0, Math.max(1, this.#options.maxBatchEvents));
  }

  #send(lines: readonly string[]): void {
    const sending = this.#deliver(lines).finally(() => {
      this.#underWay.delete(sending);
      for (const line of lines) this.#heldCharacters -= line.length;
      if (this.#closing.signal.aborted) return;
      if (this.#queue.length >= this.#options.maxBatchEvents) this.#sendBatches();
      else if (this.#queue.length > 0) this.#sendLater();
    });
    this.#underWay.add(sending);
  }

  /** Never rejects: what cannot be delivered is counted and logged. */
  async #deliver(lines: readonly string[]): Promise<void> {
    const { clock, random, initialBackoffMs, logger } = this.#options;
    const items = lines.map((line): unknown => JSON.parse(line));
    let waitMs = initialBackoffMs;
    for (let tries = 1; ; tries++) {
      const isLast = tries >= backoff.tries || this.#closing.signal.aborted;
      try {
        await this.#post(items);
        this.#reportDropped();
        return;
      } catch (error) {
        if (isLast) {
          this.#lost += lines.length;
          logger.error("audit events could not be sent", { count: lines.length, error });
          return;
        }
      }
      const jittered = waitMs * (1 + backoff.jitter * random.next());
      await clock.sleep(jittered, this.#closing.signal).catch(() => undefined);
      waitMs *= backoff.factor;
    }
  }

  async #post(items: readonly unknown[]): Promise<void> {
    const { transport, clock } = this.#options;
    const cancel = new AbortController();
    const giveUp = (): void => cancel.abort(new Error("the collector of audit events does not answer"));
    const timer = clock.after(timeoutMs, giveUp);
    let closeTimer: Timer | undefined;
    const hurry = (): void => {
      closeTimer = clock.after(closeTimeoutMs, giveUp);
    };
    const closing = this.#closing.signal;
    if (closing.aborted) hurry();
    else closing.addEventListener("abort", hurry, { once: true });
    try {
      await transport.request({
        method: "POST",
        path: "",
        body: { kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items },
        signal: cancel.signal,
      });
    } finally {
      timer.stop();
      closeTimer?.stop();
      closing.removeEventListener("abort", hurry);
    }
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    this.#options.logger.warn("audit events were dropped", { count: this.#dropped });
    this.#dropped = 0;
  }
}
