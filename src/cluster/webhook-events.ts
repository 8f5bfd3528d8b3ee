import type { WebhookFailure } from "../apiserver/admission/webhooks/index.ts";
import type { ServerEvents } from "./server-events.ts";

/** The reason of the events; `sampan status` looks for it. */
export const webhookFailedReason = "WebhookFailed";

const kinds = {
  mutating: "MutatingWebhookConfiguration",
  validating: "ValidatingWebhookConfiguration",
} as const;

/** Says in an event about the configuration that one of its webhooks cannot be asked: who is refused sees it in the error. */
export function reportWebhook(
  events: ServerEvents,
  { type, configuration, webhook, why, isIgnored }: WebhookFailure,
): void {
  const what = isIgnored ? "requests go on without it" : "requests that it is to be asked about are refused";
  events.warn({
    kind: { group: "admissionregistration.k8s.io", version: "v1", kind: kinds[type] },
    name: configuration,
    reason: webhookFailedReason,
    message: `webhook "${webhook}" fails, ${what}: ${why}`,
  });
}
