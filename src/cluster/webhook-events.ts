import type { FailedWebhook, WebhookFailure } from "../apiserver/admission/webhooks/index.ts";
import type { ServerEvents } from "./server-events.ts";

/** The reasons of the events; `sampan status` looks for them. */
export const webhookFailedReason = "WebhookFailed";
export const webhookAnswersReason = "WebhookAnswers";

const kinds = {
  mutating: "MutatingWebhookConfiguration",
  validating: "ValidatingWebhookConfiguration",
} as const;

const configurationKind = (type: FailedWebhook["type"]) =>
  ({ group: "admissionregistration.k8s.io", version: "v1", kind: kinds[type] }) as const;
const definitionKind = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
} as const;

/** Says in an event about the configuration that one of its webhooks cannot be asked: who is refused sees it in the error. */
export function reportWebhook(
  events: ServerEvents,
  { type, configuration, webhook, why, isIgnored }: WebhookFailure,
): void {
  const what = isIgnored ? "requests go on without it" : "requests that it is to be asked about are refused";
  events.warn({
    kind: configurationKind(type),
    name: configuration,
    reason: webhookFailedReason,
    message: `webhook "${webhook}" fails, ${what}: ${why}`,
  });
}

/** Says that a webhook of which an event said so fails no more. */
export function reportRecovery(events: ServerEvents, { type, configuration, webhook }: FailedWebhook): void {
  events.warn({
    kind: configurationKind(type),
    name: configuration,
    reason: webhookAnswersReason,
    message: `webhook "${webhook}" answers again`,
    type: "Normal",
  });
}

/** Says in an event about the definition that its webhook does not convert, or, without a failure, that it does again. */
export function reportConversion(
  events: ServerEvents,
  definition: string,
  failure: string | undefined,
): void {
  const about = { kind: definitionKind, name: definition };
  if (failure === undefined) {
    const message = "the webhook that converts its objects answers again";
    events.warn({ ...about, reason: webhookAnswersReason, message, type: "Normal" });
    return;
  }
  const message = `the webhook that converts its objects fails, they cannot be read or written in other versions: ${failure}`;
  events.warn({ ...about, reason: webhookFailedReason, message });
}
