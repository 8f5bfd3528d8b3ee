import type { Scheme } from "../../../api/scheme.ts";
import type { Clock } from "../../../apimachinery/clock.ts";
import type { Metric } from "../../../apimachinery/metrics.ts";
import type { Random } from "../../../apimachinery/random.ts";
import type { Authorizer } from "../../authorization/authorizer.ts";
import type { ObjectReader } from "../../object-reader.ts";
import type { WebhookIntercept } from "../../webhook/webhook-caller.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";
import type { ConditionMetrics } from "../condition-metrics.ts";
import { lazyMutatingPlugin, lazyValidatingPlugin } from "../lazy-plugin.ts";
import { Hooks } from "./hooks.ts";
import { isExempt } from "./rules.ts";

export interface AdmissionWebhookOptions {
  readonly reader: ObjectReader;
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly random: Random;
  readonly authorizer: Authorizer;
  readonly register: (metric: Metric) => void;
  readonly conditionMetrics: ConditionMetrics;
  /** Told of each webhook that could not be asked or gave no usable answer. */
  readonly onFailure: (failure: WebhookFailure) => void;
  /** Told of one that had failed, and answers again. */
  readonly onRecovery: (webhook: FailedWebhook) => void;
  /** See WebhookCallerOptions. */
  readonly intercept?: WebhookIntercept | undefined;
}

export interface FailedWebhook {
  readonly type: "mutating" | "validating";
  /** The name of the configuration that the webhook stands in. */
  readonly configuration: string;
  readonly webhook: string;
}

/** A webhook could not be asked, or gave no answer that can be used. */
export interface WebhookFailure extends FailedWebhook {
  /** `failed to call webhook: Post "https://…": …` */
  readonly why: string;
  /** The request went on without the webhook. */
  readonly isIgnored: boolean;
}

export interface AdmissionWebhooks {
  readonly mutating: AdmissionPlugin;
  readonly validating: AdmissionPlugin;
  /** Ends the connections to webhooks. */
  close(): void;
}

/** The two plugins that ask webhooks. What it takes to ask is loaded when the first configuration is there. */
export function admissionWebhooks(options: AdmissionWebhookOptions): AdmissionWebhooks {
  const mutatingHooks = new Hooks(options.reader, "mutatingwebhookconfigurations");
  const validatingHooks = new Hooks(options.reader, "validatingwebhookconfigurations");
  const handles = (hooks: Hooks) => (attributes: AdmissionAttributes) =>
    hooks.all().length > 0 && !isExempt(attributes);
  let loaded: ReturnType<typeof load> | undefined;
  const load = async () =>
    (await import("./webhook-plugins.ts")).loadWebhookPlugins(options, mutatingHooks, validatingHooks);
  const loadOnce = (): ReturnType<typeof load> => {
    loaded ??= load();
    return loaded;
  };
  return {
    mutating: lazyMutatingPlugin({
      name: "MutatingAdmissionWebhook",
      handles: handles(mutatingHooks),
      load: async () => (await loadOnce()).mutating,
    }),
    validating: lazyValidatingPlugin({
      name: "ValidatingAdmissionWebhook",
      handles: handles(validatingHooks),
      load: async () => (await loadOnce()).validating,
    }),
    close: () => void loaded?.then(({ caller }) => caller.close()),
  };
}
