import type { SubjectAccessReview } from "../../../api/types/authorization-v1.ts";
import type { Clock } from "../../../apimachinery/clock.ts";
import type { Logger } from "../../../apimachinery/logger.ts";
import { newInternalError, StatusError } from "../../../apimachinery/status.ts";
import type { Transport } from "../../../apimachinery/transport.ts";
import type { CelProgram } from "../../../cel/index.ts";
import { ConnectionError } from "../../../client/server-answer.ts";
import type {
  AuthorizationAttributes,
  AuthorizationDecision,
  Authorizer,
  SubjectRules,
} from "../authorizer.ts";
import { noRules } from "../union.ts";
import { matches } from "./match-conditions.ts";
import { type ReviewSpec, reviewBody, reviewSpecOf } from "./review.ts";

export interface WebhookAuthorizerOptions {
  readonly name: string;
  /** Reaches the reviewer; requests go to its address as it is. */
  readonly transport: Pick<Transport, "request">;
  readonly version: "v1" | "v1beta1";
  readonly timeoutMs: number;
  /** How long answers are remembered; 0: not at all. */
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
  /** What a reviewer that gives no answer means. */
  readonly failurePolicy: "NoOpinion" | "Deny";
  readonly conditions: readonly CelProgram[];
  readonly clock: Clock;
  readonly logger: Logger;
}

type Status = Partial<NonNullable<SubjectAccessReview["status"]>>;

/** Half a second, half as much again each time, five tries: util/webhook.DefaultRetryBackoff. */
const backoff = { firstMs: 500, factor: 1.5, tries: 5 };
const maxEntries = 8192;
/** A request with more in it, which its sender chooses, is not remembered. */
const maxControlledLength = 10_000;

/**
 * Asks another server whether a user may do something, with a SubjectAccessReview. Mirrors
 * apiserver/plugin/pkg/authorizer/webhook.
 */
export class WebhookAuthorizer implements Authorizer {
  readonly #options: WebhookAuthorizerOptions;
  /** By the text of what was asked; the one asked last comes last. */
  readonly #answers = new Map<string, { readonly status: Status; readonly untilMs: number }>();

  constructor(options: WebhookAuthorizerOptions) {
    this.#options = options;
  }

  authorize(attributes: AuthorizationAttributes): AuthorizationDecision | Promise<AuthorizationDecision> {
    const { conditions, clock } = this.#options;
    const spec = reviewSpecOf(attributes);
    try {
      if (!matches(conditions, spec)) return { decision: "noOpinion", reason: "" };
    } catch (error) {
      return this.#failed(error);
    }
    const key = JSON.stringify(spec);
    const known = this.#answers.get(key);
    if (known !== undefined && known.untilMs > clock.now()) return decisionOf(known.status);
    return this.#ask(spec, key, attributes);
  }

  async rulesFor(): Promise<SubjectRules> {
    return { ...noRules, incomplete: true };
  }

  async #ask(
    spec: ReviewSpec,
    key: string,
    attributes: AuthorizationAttributes,
  ): Promise<AuthorizationDecision> {
    let status: Status;
    try {
      status = await this.#review(reviewBody(spec, this.#options.version));
    } catch (error) {
      return this.#failed(error);
    }
    this.#remember(key, status, attributes);
    return decisionOf(status);
  }

  /** Who denies because nobody answered says that something is wrong, not that the user may not. */
  #failed(error: unknown): AuthorizationDecision {
    const { name, failurePolicy, logger } = this.#options;
    logger.error("a webhook authorizer did not answer", { name, error });
    if (failurePolicy === "Deny") throw newInternalError(error);
    return { decision: "noOpinion", reason: "" };
  }

  #remember(key: string, status: Status, attributes: AuthorizationAttributes): void {
    const { authorizedTtlMs, unauthorizedTtlMs, clock } = this.#options;
    const ttlMs = status.allowed === true ? authorizedTtlMs : unauthorizedTtlMs;
    const { namespace, verb, group, version, resource, subresource, name, path } = attributes;
    const chosen = [namespace, verb, group, version, resource, subresource, name, path];
    if (ttlMs <= 0 || chosen.reduce((sum, { length }) => sum + length, 0) >= maxControlledLength) return;
    this.#answers.delete(key);
    this.#answers.set(key, { status, untilMs: clock.now() + ttlMs });
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > maxEntries && oldest !== undefined) this.#answers.delete(oldest);
  }

  async #review(body: object): Promise<Status> {
    const { transport, timeoutMs, clock } = this.#options;
    for (let tries = 1, waitMs = backoff.firstMs; ; tries++, waitMs *= backoff.factor) {
      const cancel = new AbortController();
      const timer = clock.after(timeoutMs, () => cancel.abort(new Error("context deadline exceeded")));
      try {
        const answer = await transport.request({ method: "POST", path: "", body, signal: cancel.signal });
        return (answer.body as Partial<SubjectAccessReview> | undefined)?.status ?? {};
      } catch (error) {
        if (tries >= backoff.tries || !mayPass(error)) throw error;
        await clock.sleep(waitMs);
      } finally {
        timer.stop();
      }
    }
  }
}

function decisionOf({ allowed = false, denied = false, reason = "" }: Status): AuthorizationDecision {
  // A reviewer that says both is wrong; the safe half of it counts.
  if (denied) return { decision: "deny", reason };
  return { decision: allowed ? "allow" : "noOpinion", reason };
}

/** Whether asking again may help: the server stumbled, or the connection broke. */
function mayPass(error: unknown): boolean {
  if (error instanceof StatusError) return [500, 504, 429].includes(error.code);
  return error instanceof ConnectionError && error.code === "ECONNRESET";
}
