import type { Clock } from "../../../apimachinery/clock.ts";
import type { Random } from "../../../apimachinery/random.ts";
import type { HttpAnswer } from "../../../apiserver/webhook/http-answer.ts";
import type { CalledWebhook, WebhookIntercept } from "../../../apiserver/webhook/webhook-caller.ts";
import { durationMs } from "../duration.ts";
import { checkNames, meant } from "../known-names.ts";
import type { Duration } from "../options.ts";
import type { FaultLog } from "./fault-log.ts";
import { checkCounts, isOneOf, shown } from "./rules.ts";

/**
 * Which webhooks fail, and how: none need be there. Without a name it is all of them, of admission and of conversion. `*` in
 * a name stands for any characters.
 */
export interface WebhookFaultRule {
  /** Of admission: its own name, as in its configuration: `pods.example.com`. */
  readonly webhook?: string | readonly string[];
  /** Of admission: the name of the configuration that it stands in. */
  readonly configuration?: string | readonly string[];
  /** Of conversion: the name of the definition whose objects it converts: `sites.example.dev`. */
  readonly definition?: string | readonly string[];
  /** So many calls pass before. Default 0. */
  readonly after?: number;
  /** So many fail. Default: all, until the fault is removed. */
  readonly times?: number;
  /** How likely each of them fails, from 0 to 1, drawn from the cluster's seed. Default 1. */
  readonly probability?: number;
  /** The call waits, in the cluster's time: beyond the webhook's `timeoutSeconds` it has failed. */
  readonly delay?: Duration;
  /** What comes of it, or the code of an answer of HTTP. Without it the call is only late. */
  readonly error?: WebhookError | number;
}

export type WebhookError = keyof typeof errors;

/** What either kind of webhook answers when it has no objection. */
const good = { allowed: true, convertedObjects: [], result: { status: "Success" } };

const errors = {
  /** Nobody listens. */
  ConnectionRefused: () => broken("ECONNREFUSED", "connect ECONNREFUSED"),
  /** The connection breaks before an answer. */
  ConnectionReset: () => broken("ECONNRESET", "read ECONNRESET"),
  /** Its name leads nowhere. */
  NoSuchHost: () => broken("ENOTFOUND", "getaddrinfo ENOTFOUND"),
  /** Its certificate is not of the `caBundle`. */
  UnknownAuthority: () => broken("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate"),
  /** It answers something else. */
  NotJson: () => answer(200, "text/html", "<html>It works!</html>"),
  /** It answers a review without a response. */
  NoResponse: (called) => answer(200, "application/json", review(called, {})),
  /** It answers what was never asked. */
  WrongUid: (called) =>
    answer(200, "application/json", review(called, { response: { uid: "a-fault-was-injected", ...good } })),
} satisfies Record<string, (called: CalledWebhook) => HttpAnswer>;

/** A fault of webhooks that was added. */
export interface WebhookFault {
  readonly rule: WebhookFaultRule;
  /** How many calls it has hit. */
  readonly hits: number;
  remove(): void;
}

interface ActiveFault extends WebhookFault {
  hits: number;
  seen: number;
}

const ruleNames = [
  "webhook",
  "configuration",
  "definition",
  "after",
  "times",
  "probability",
  "delay",
  "error",
];

/** Webhooks that are slow, out of reach or out of order. */
export class WebhookFaults {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: FaultLog;
  readonly #active = new Set<ActiveFault>();

  constructor(clock: Clock, random: Random, log: FaultLog) {
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
  }

  /** See `Faults.addWebhook`. */
  add(rule: WebhookFaultRule): WebhookFault {
    checkRule(rule);
    const fault: ActiveFault = { rule, hits: 0, seen: 0, remove: () => void this.#active.delete(fault) };
    this.#active.add(fault);
    return fault;
  }

  clear(): void {
    this.#active.clear();
  }

  /** The step before each call. */
  readonly intercept: WebhookIntercept = (called, signal) =>
    this.#active.size === 0 ? undefined : this.#intercept(called, signal);

  async #intercept(called: CalledWebhook, signal: AbortSignal): Promise<HttpAnswer | undefined> {
    const hit = [...this.#active].filter((fault) => this.#hits(fault, called));
    const lateMs = hit.reduce((sum, { rule }) => sum + durationMs(rule.delay ?? 0), 0);
    if (lateMs > 0) await this.#clock.sleep(lateMs, signal);
    const error = hit.find(({ rule }) => rule.error !== undefined)?.rule.error;
    if (error === undefined) return undefined;
    if (typeof error === "number") return answer(error, "text/plain", "a fault was injected");
    return errors[error](called);
  }

  #hits(fault: ActiveFault, called: CalledWebhook): boolean {
    const { rule } = fault;
    const { after = 0, times = Infinity, probability = 1, error, delay } = rule;
    if (fault.hits >= times || !isMeant(rule, called)) return false;
    if (fault.seen++ < after) return false;
    if (probability < 1 && this.#random.next() >= probability) return false;
    fault.hits++;
    const what = [
      ...(error === undefined ? [] : [String(error)]),
      ...(delay === undefined ? [] : [`${shown(delay)} late`]),
    ];
    this.#log.add(`${nameOf(called)}: ${what.join(", ")}`);
    return true;
  }
}

function checkRule(rule: WebhookFaultRule): void {
  checkNames("a fault of a webhook", rule, ruleNames);
  checkCounts(rule);
  const { error, delay, webhook, configuration, definition } = rule;
  if (definition !== undefined && (webhook !== undefined || configuration !== undefined))
    throw new TypeError(
      "`definition` means webhooks that convert, `webhook` and `configuration` those of admission: none is both",
    );
  if (error === undefined && delay === undefined)
    throw new TypeError("the fault does nothing: give it an `error`, a `delay` or both");
  if (delay !== undefined) durationMs(delay);
  if (typeof error === "number" && !(Number.isInteger(error) && error >= 400 && error <= 599))
    throw new TypeError(`${error} is no code of a refusal: 400 to 599`);
  const known = Object.keys(errors);
  if (typeof error === "string" && !known.includes(error)) {
    throw new TypeError(
      `${JSON.stringify(error)} is nothing that happens to a webhook: ${known.join(", ")}, or a code.${meant(error, known)}`,
    );
  }
}

function broken(code: string, message: string): never {
  throw Object.assign(new Error(message), { code });
}

const answer = (code: number, contentType: string, body: string): HttpAnswer => ({
  code,
  contentType,
  retryAfter: undefined,
  body: Buffer.from(body),
});

const review = (called: CalledWebhook, content: object): string =>
  JSON.stringify(
    "definition" in called
      ? { apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview", ...content }
      : { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", ...content },
  );

/** A name of the one kind leaves the other alone. */
function isMeant({ webhook, configuration, definition }: WebhookFaultRule, called: CalledWebhook): boolean {
  if ("definition" in called)
    return webhook === undefined && configuration === undefined && isOneOf(definition, called.definition);
  return (
    definition === undefined &&
    isOneOf(webhook, called.webhook) &&
    isOneOf(configuration, called.configuration)
  );
}

const nameOf = (called: CalledWebhook): string =>
  "definition" in called
    ? `the webhook that converts ${called.definition}`
    : `webhook ${called.webhook} of ${called.configuration}`;
