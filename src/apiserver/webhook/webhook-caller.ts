import type { WebhookClientConfig } from "../../api/types/admissionregistration-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Random } from "../../apimachinery/random.ts";
import { StatusError } from "../../apimachinery/status.ts";
import type { ObjectReader } from "../object-reader.ts";
import { type Call, Connections, UnusableConfiguration } from "./connections.ts";
import { BrokenAnswer, CallAborted, type HttpAnswer } from "./http-answer.ts";
import { describeBrokenAnswer } from "./http-fault.ts";
import { describeNetworkFailure } from "./network-failure.ts";
import { type Review, readReview } from "./read-review.ts";
import type { ReviewForm } from "./review-form.ts";
import { type SocketAddress, serviceAddresses } from "./service-endpoints.ts";
import { isLoopback, type Place, placeOf } from "./target.ts";
import { WebhookCallError } from "./webhook-call-error.ts";

/** The webhook that is called: one of admission by the names that its configuration gives it, or one that converts. */
export type CalledWebhook = CalledAdmission | CalledConverter;

export interface CalledAdmission {
  readonly configuration: string;
  readonly webhook: string;
}

export interface CalledConverter {
  /** The name of the definition whose objects it converts. */
  readonly definition: string;
}

/**
 * A step before each call of a webhook: it may take its time, answer in the webhook's place, or throw what a connection
 * that fails throws.
 */
export type WebhookIntercept = (
  called: CalledWebhook,
  signal: AbortSignal,
) => Promise<HttpAnswer | undefined> | undefined;

export interface WebhookCallerOptions {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly random: Random;
  /** Default: none. */
  readonly intercept?: WebhookIntercept | undefined;
  /** Idle connections end after this time, before most servers end them on their side. Default: 30 s. */
  readonly idleMs?: number;
}

export interface WebhookCallOptions {
  readonly timeoutMs: number;
  /** What is sent, and comes back. */
  readonly form: ReviewForm;
  readonly version: string;
  /** For the intercepting step. */
  readonly called?: CalledWebhook;
  /** How it is told that the time is over, beside what would be said of a request that has a deadline. */
  readonly isClientTimeout?: boolean;
  /** Of the request on whose behalf the webhook is asked. */
  readonly signal?: AbortSignal | undefined;
}

/** How often a webhook that asks for it is tried again, within the time that there is; as in client-go. */
const maxRetries = 10;

/**
 * Posts reviews to webhooks: admission, conversion. Connections are kept and shared between calls of equal configuration.
 * Redirects are not followed, where Kubernetes would: whoever may configure a webhook could have this server ask anything
 * that it can reach (CVE-2020-8561).
 */
export class WebhookCaller {
  readonly #options: WebhookCallerOptions;
  readonly #connections: Connections;

  constructor(options: WebhookCallerOptions) {
    this.#options = options;
    this.#connections = new Connections(options.idleMs ?? 30_000);
  }

  /** Resolves with the review as it came back; rejects with WebhookCallError. */
  async post(config: WebhookClientConfig, review: unknown, options: WebhookCallOptions): Promise<Review> {
    const answer = await this.#ask(config, Buffer.from(JSON.stringify(review)), options);
    try {
      return readReview(answer, options.form, options.version);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new WebhookCallError(message, {
        cause: error,
        ...(error instanceof StatusError ? { answer: error } : {}),
      });
    }
  }

  /** Ends the idle connections; those in use end with their calls. */
  close(): void {
    this.#connections.close();
  }

  async #ask(
    config: WebhookClientConfig,
    body: Buffer,
    { timeoutMs, isClientTimeout, called, signal: request }: WebhookCallOptions,
  ): Promise<HttpAnswer> {
    const place = placeOf(config);
    // The webhook is told the time it has.
    const path = `${place.path}?timeout=${Math.ceil(timeoutMs / 1000)}s`;
    const failed = (why: string, cause?: unknown): WebhookCallError =>
      new WebhookCallError(`Post "https://${place.authority}${path}": ${why}`, { cause });
    const deadline = new AbortController();
    const timer = this.#options.clock.after(timeoutMs, () => deadline.abort());
    const signal = request === undefined ? deadline.signal : AbortSignal.any([deadline.signal, request]);
    try {
      const answer = await this.#intercepted(called, place, signal, failed);
      return answer ?? (await this.#askUntilTold(config, { ...place, path }, body, signal, failed));
    } catch (error) {
      if (!(error instanceof CallAborted)) throw error;
      const { hasBegun } = error;
      const why = deadline.signal.aborted
        ? deadlineWords(hasBegun, isClientTimeout === true)
        : "context canceled";
      throw hasBegun ? new WebhookCallError(describeBrokenAnswer(why), { cause: error }) : failed(why, error);
    } finally {
      timer.stop();
    }
  }

  /** What stands in for the webhook's own answer, where somebody has it so. */
  async #intercepted(
    called: CalledWebhook | undefined,
    { host, port }: Place,
    signal: AbortSignal,
    failed: (why: string, cause?: unknown) => WebhookCallError,
  ): Promise<HttpAnswer | undefined> {
    if (called === undefined || this.#options.intercept === undefined) return undefined;
    try {
      return await this.#options.intercept(called, signal);
    } catch (error) {
      if (signal.aborted) throw new CallAborted(false);
      const destination = { host, port, serverName: host };
      throw failed(describeNetworkFailure(error, destination, this.#options.clock.now()), error);
    }
  }

  /** Asks again as often as the webhook says that it is to be asked later. */
  async #askUntilTold(
    config: WebhookClientConfig,
    place: Place,
    body: Buffer,
    signal: AbortSignal,
    failed: (why: string, cause?: unknown) => WebhookCallError,
  ): Promise<HttpAnswer> {
    for (let retries = 0; ; retries++) {
      const answer = await this.#askOne(config, place, body, signal, failed);
      const waitMs = waitOf(answer);
      if (waitMs === undefined || retries === maxRetries) return answer;
      await this.#wait(waitMs, signal);
    }
  }

  async #askOne(
    config: WebhookClientConfig,
    { host: serverName, ...place }: Place,
    body: Buffer,
    signal: AbortSignal,
    failed: (why: string, cause?: unknown) => WebhookCallError,
  ): Promise<HttpAnswer> {
    const addresses = this.#resolve(config, { host: serverName, port: place.port }, failed);
    for (const [index, address] of addresses.entries()) {
      const call: Call = {
        ...place,
        ...address,
        serverName,
        caBundle: config.caBundle ?? "",
        mayMultiplex: config.service === undefined && isLoopback(address),
      };
      try {
        const { clock } = this.#options;
        const sending = this.#connections.send(call, body, signal);
        return await (clock.outside?.(sending) ?? sending);
      } catch (error) {
        if (error instanceof CallAborted) throw error;
        if (error instanceof UnusableConfiguration)
          throw new WebhookCallError(error.message, { cause: error, isUnusable: true });
        if (error instanceof BrokenAnswer) {
          throw new WebhookCallError(describeBrokenAnswer(error), { cause: error });
        }
        // Nobody has heard a word yet, so another one may be asked.
        const mayTryNext = isRefused(error) && index + 1 < addresses.length && !signal.aborted;
        if (mayTryNext) continue;
        throw failed(describeNetworkFailure(error, call, this.#options.clock.now()), error);
      }
    }
    throw failed("no address to connect to");
  }

  #resolve(
    { service }: WebhookClientConfig,
    { host, port }: SocketAddress,
    failed: (why: string, cause?: unknown) => WebhookCallError,
  ): SocketAddress[] {
    if (service === undefined) return [{ host, port }];
    const { reader, random } = this.#options;
    try {
      return serviceAddresses(reader, random, { ...service, port });
    } catch (error) {
      throw failed(error instanceof Error ? error.message : String(error), error);
    }
  }

  #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(delayMs, () => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      const abort = (): void => {
        timer.stop();
        reject(new CallAborted(false));
      };
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort, { once: true });
    });
  }
}

/** Go tells the deadline of a request from the patience of the client that sends it. */
function deadlineWords(hasBegun: boolean, isClientTimeout: boolean): string {
  const exceeded = "context deadline exceeded";
  if (!isClientTimeout) return exceeded;
  if (hasBegun) return `${exceeded} (Client.Timeout or context cancellation while reading body)`;
  return "net/http: request canceled (Client.Timeout exceeded while awaiting headers)";
}

/** How long an answer asks to be left alone; undefined for one that is final. */
function waitOf({ code, retryAfter = "" }: HttpAnswer): number | undefined {
  const mayPass = code === 429 || code >= 500;
  return mayPass && /^[+-]?\d+$/.test(retryAfter) ? Math.max(0, Number(retryAfter)) * 1000 : undefined;
}

function isRefused(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "ECONNREFUSED" || error.code === "EHOSTUNREACH")
  );
}
