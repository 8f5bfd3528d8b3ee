import { WebhookCaller } from "../../webhook/webhook-caller.ts";
import type { Hooks } from "./hooks.ts";
import type { AdmissionWebhookOptions } from "./index.ts";
import { MatchConditions } from "./match-conditions.ts";
import { MutatingAdmissionWebhook } from "./mutating-webhooks.ts";
import { HookObserver } from "./observer.ts";
import { ValidatingAdmissionWebhook } from "./validating-webhooks.ts";
import { Versions } from "./versions.ts";

/** Everything behind the two plugins. */
export function loadWebhookPlugins(
  options: AdmissionWebhookOptions,
  mutatingHooks: Hooks,
  validatingHooks: Hooks,
) {
  const caller = new WebhookCaller(options);
  const dependencies = {
    reader: options.reader,
    random: options.random,
    caller,
    versions: new Versions(options.scheme),
    conditions: new MatchConditions(options.authorizer, options.conditionMetrics),
    observer: new HookObserver(options),
  };
  return {
    mutating: new MutatingAdmissionWebhook(dependencies, mutatingHooks),
    validating: new ValidatingAdmissionWebhook(dependencies, validatingHooks),
    caller,
  };
}
