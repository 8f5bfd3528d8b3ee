import type { Clock } from "../../apimachinery/clock.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { WebhookIntercept } from "../webhook/webhook-caller.ts";
import { ConversionMetrics } from "./conversion-metrics.ts";
import type { CallConverter } from "./webhook-converter.ts";

/** How long a webhook may take to convert, as in kube-apiserver. */
const timeoutMs = 30_000;

export interface ConverterCallsOptions {
  readonly watchCache: ObjectReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly register: (metric: Metric) => void;
  /** See WebhookCallerOptions. */
  readonly webhookCalls?: WebhookIntercept | undefined;
}

/** Calls of webhooks that convert, over connections that are kept between them; made when the first is asked. */
export function converterCalls({
  watchCache: reader,
  clock,
  random,
  register,
  webhookCalls: intercept,
}: ConverterCallsOptions): CallConverter {
  const make = async () => {
    const [{ WebhookCaller }, { conversionReview: form }] = await Promise.all([
      import("../webhook/webhook-caller.ts"),
      import("../webhook/review-form.ts"),
    ]);
    return { caller: new WebhookCaller({ reader, clock, random, intercept }), form };
  };
  let made: ReturnType<typeof make> | undefined;
  let metrics: ConversionMetrics | undefined;
  return {
    newUid: () => random.uuid(),
    async post(definition, config, review, version) {
      made ??= make();
      const { caller, form } = await made;
      const called = { definition };
      return caller.post(config, review, { timeoutMs, isClientTimeout: true, form, version, called });
    },
    begin(definition, from, to) {
      metrics ??= new ConversionMetrics(clock, register);
      return metrics.begin(definition, from, to);
    },
  };
}
