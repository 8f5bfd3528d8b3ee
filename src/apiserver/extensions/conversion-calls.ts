import type { Clock } from "../../apimachinery/clock.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ObjectReader } from "../object-reader.ts";
import { KnownFailures } from "../webhook/known-failures.ts";
import type { WebhookIntercept } from "../webhook/webhook-caller.ts";
import { ConversionMetrics } from "./conversion-metrics.ts";
import type { CallConverter } from "./webhook-converter.ts";

/** How long a webhook may take to convert, as in kube-apiserver. */
const timeoutMs = 30_000;

/**
 * Told of each conversion that a webhook has failed at, by the name of its definition, with the reason; and without one when it
 * converts again.
 */
export type OnConversion = (definition: string, failure: string | undefined) => void;

export interface ConverterCallsOptions {
  readonly watchCache: ObjectReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly register: (metric: Metric) => void;
  /** See WebhookCallerOptions. */
  readonly webhookCalls?: WebhookIntercept | undefined;
  readonly onConversion?: OnConversion | undefined;
}

/** Calls of webhooks that convert, over connections that are kept between them; made when the first is asked. */
export function converterCalls({
  watchCache: reader,
  clock,
  random,
  register,
  webhookCalls: intercept,
  onConversion,
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
  const failures = new KnownFailures();
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
      const observe = metrics.begin(definition, from, to);
      return (failure, why) => {
        observe(failure);
        if (failure !== undefined) {
          failures.add(definition);
          onConversion?.(definition, why ?? failure);
        } else if (failures.end(definition)) onConversion?.(definition, undefined);
      };
    },
  };
}
