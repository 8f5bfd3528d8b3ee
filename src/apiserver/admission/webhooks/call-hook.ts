import { parseApiVersion } from "../../../apimachinery/gvk.ts";
import type { Random } from "../../../apimachinery/random.ts";
import { newBadRequest, StatusError } from "../../../apimachinery/status.ts";
import type { Review } from "../../webhook/read-review.ts";
import { admissionReview } from "../../webhook/review-form.ts";
import { WebhookCallError } from "../../webhook/webhook-call-error.ts";
import type { WebhookCaller } from "../../webhook/webhook-caller.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { newReview, type ReviewAnswer, readAnswer, type VersionedRequest } from "./admission-review.ts";
import type { Hook } from "./hooks.ts";

/** A webhook could not be asked, or gave no answer that can be used. What becomes of the request its failurePolicy says. */
export class HookFailure extends Error {
  override readonly name = "HookFailure";
  /** For metrics: the code of the webhook's own answer, or the nearest there is. */
  readonly code: number;
  /** Without the webhook's name. */
  readonly why: string;

  constructor(hook: string, why: string, code: number, cause?: unknown) {
    super(`failed calling webhook ${JSON.stringify(hook)}: ${why}`, { cause });
    this.why = why;
    this.code = code;
  }
}

interface HookCall {
  readonly hook: Hook;
  readonly attributes: AdmissionAttributes;
  readonly versioned: VersionedRequest;
  readonly isMutating: boolean;
}

/** Without a time of its own a webhook has as long as one of the first version had. */
const defaultTimeoutSeconds = 10;

/** Asks one webhook. Passes its warnings and audit annotations on. Rejects with HookFailure, or StatusError when it refuses. */
export async function callHook(
  { hook: { configuration, webhook }, attributes, versioned, isMutating }: HookCall,
  caller: WebhookCaller,
  random: Random,
): Promise<ReviewAnswer> {
  const { name, sideEffects } = webhook;
  if (attributes.dryRun && sideEffects !== "None" && sideEffects !== "NoneOnDryRun")
    throw newBadRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  const uid = random.uuid();
  const review = newReview(webhook.admissionReviewVersions, uid, attributes, versioned);
  if (review === undefined) {
    const why = "webhook does not accept known AdmissionReview versions (v1, v1beta1)";
    throw new HookFailure(name, `could not create admission objects: ${why}`, 400);
  }
  const timeoutMs = (webhook.timeoutSeconds ?? defaultTimeoutSeconds) * 1000;
  let answer: Review;
  try {
    answer = await caller.post(webhook.clientConfig, review, {
      timeoutMs,
      form: admissionReview,
      version: parseApiVersion(review.apiVersion).version,
      called: { configuration, webhook: name },
      signal: attributes.signal,
    });
  } catch (error) {
    throw failureOf(name, error);
  }
  const read = readOrFail(name, () => readAnswer(answer, review, uid, isMutating));
  for (const [key, value] of Object.entries(read.auditAnnotations))
    attributes.audit?.annotate(`${name}/${key}`, value);
  for (const warning of read.warnings) attributes.addWarning(warning);
  if (!read.allowed) throw refusal(name, read.status);
  return read;
}

function failureOf(hook: string, error: unknown): HookFailure {
  const why = error instanceof Error ? error.message : String(error);
  const isUnusable = error instanceof WebhookCallError && error.isUnusable;
  if (isUnusable || !(error instanceof WebhookCallError))
    return new HookFailure(
      hook,
      `${isUnusable ? "could not get REST client" : "failed to call webhook"}: ${why}`,
      500,
      error,
    );
  return new HookFailure(hook, `failed to call webhook: ${why}`, error.answer?.code ?? 503, error);
}

function readOrFail(name: string, read: () => ReviewAnswer): ReviewAnswer {
  try {
    return read();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HookFailure(name, `received invalid webhook response: ${why}`, 503, error);
  }
}

/**
 * The webhook's own status, as far as it is one of a failure. Mirrors webhook/errors.ToStatusErr, but for codes that HTTP cannot
 * carry: Kubernetes ends the connection then.
 */
function refusal(hook: string, given: ReviewAnswer["status"]): StatusError {
  const denied = `admission webhook ${JSON.stringify(hook)} denied the request`;
  const { message = "", reason = "", status = "", code = 0, details, metadata = {} } = given ?? {};
  const why = message === "" ? reason : message;
  return new StatusError({
    apiVersion: "v1",
    kind: "Status",
    metadata,
    status: status === "" || status === "Success" ? "Failure" : status,
    message: why === "" ? `${denied} without explanation` : `${denied}: ${why}`,
    ...(reason === "" ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code: code < 400 ? 400 : code > 999 ? 500 : code,
  });
}
