import { builtinScheme } from "../../../../api/builtin-scheme.ts";
import { RealClock } from "../../../../apimachinery/clock.ts";
import type { Metric } from "../../../../apimachinery/metrics.ts";
import type { KubernetesObject } from "../../../../apimachinery/object.ts";
import { SeededRandom } from "../../../../apimachinery/random.ts";
import { StatusError } from "../../../../apimachinery/status.ts";
import { AdmissionRunner } from "../../../registry/admission-runner.ts";
import { type WebhookHandler, WebhookServer } from "../../../webhook/testing/webhook-server.ts";
import type { AdmissionPlugin } from "../../admission.ts";
import { ConditionMetrics } from "../../condition-metrics.ts";
import { attributesOf, podWith, type Request } from "../../testing/attributes.ts";
import { FakeReader } from "../../testing/fake-reader.ts";
import { admissionWebhooks, type WebhookFailure } from "../index.ts";

export interface Review {
  readonly apiVersion: string;
  readonly request: Record<string, unknown> & {
    readonly uid: string;
    readonly object: KubernetesObject | null;
  };
}

/** What a webhook answers: the fields of `response` beyond uid, or anything else in place of the answer. */
export type Answer = Record<string, unknown> | { readonly instead: string };

const cleanups: (() => unknown)[] = [];

/** After each test: ends what it has begun. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0)) await cleanup();
}

/** Is done after the test. */
export function later(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

export async function serve(answer: (review: Review) => Answer): Promise<WebhookServer> {
  const handler: WebhookHandler = (body, response) => {
    const review = body as Review;
    const given = answer(review);
    const { apiVersion, request } = review;
    const text =
      "instead" in given
        ? String(given["instead"])
        : JSON.stringify({
            apiVersion: given["apiVersion"] ?? apiVersion,
            kind: given["kind"] ?? "AdmissionReview",
            response: { uid: request.uid, ...given },
          });
    response.setHeader("content-type", "application/json");
    response.end(text);
  };
  const server = await WebhookServer.listen(handler);
  cleanups.push(() => server.close());
  return server;
}

export const everything = [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] }];

export const hook = (name: string, server: WebhookServer, rest: object = {}) => ({
  name: `${name}.example.com`,
  clientConfig: { url: server.url(`/${name}`), caBundle: server.caBundle },
  rules: everything,
  admissionReviewVersions: ["v1"],
  sideEffects: "None",
  failurePolicy: "Fail",
  matchPolicy: "Equivalent",
  timeoutSeconds: 5,
  ...rest,
});

export const configuration = (
  kind: "Mutating" | "Validating",
  name: string,
  ...webhooks: object[]
): KubernetesObject =>
  ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks,
  }) as never;

export const namespace = (name: string, labels = {}): KubernetesObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels },
});

export class Chain {
  readonly reader = new FakeReader().put("namespaces", namespace("default", { team: "web" }));
  readonly failures: WebhookFailure[] = [];
  readonly recovered: string[] = [];
  readonly scheme = builtinScheme({ betas: true });
  readonly #metrics: Metric[] = [];
  readonly #runner: AdmissionRunner;

  constructor(...others: AdmissionPlugin[]) {
    const webhooks = admissionWebhooks({
      reader: this.reader,
      scheme: this.scheme,
      clock: new RealClock(),
      random: new SeededRandom(1),
      authorizer: {
        authorize: async () => ({ decision: "allow", reason: "" }),
        rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
      },
      register: (metric) => this.#metrics.push(metric),
      conditionMetrics: new ConditionMetrics(new RealClock(), (metric) => this.#metrics.push(metric)),
      onFailure: (failure) => this.failures.push(failure),
      onRecovery: ({ webhook }) => this.recovered.push(webhook),
    });
    cleanups.push(() => webhooks.close());
    this.#runner = new AdmissionRunner([...others, webhooks.mutating, webhooks.validating]);
  }

  mutating(...configurations: KubernetesObject[]): this {
    this.reader.put("mutatingwebhookconfigurations.admissionregistration.k8s.io", ...configurations);
    return this;
  }

  validating(...configurations: KubernetesObject[]): this {
    this.reader.put("validatingwebhookconfigurations.admissionregistration.k8s.io", ...configurations);
    return this;
  }

  /** `admitted`, or code and message of the refusal. */
  async verdict(
    request: Request & { audit?: { annotate(key: string, value: string): void; wantsRequest: boolean } },
  ) {
    const attributes = { ...attributesOf(request), audit: request.audit };
    const given = { object: attributes.object, warnings: attributes.warnings };
    try {
      await this.#runner.mutate(attributes);
      await this.#runner.validate(attributes);
      return { verdict: "admitted", refusal: undefined, ...given };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const verdict = `${error.code} ${error.message}`.replaceAll(/127\.0\.0\.1:\d+/g, "HOST");
      return { verdict, refusal: error.status, ...given };
    }
  }

  metrics(): string[] {
    return this.#metrics.flatMap((metric) => metric.lines()).filter((line) => !/^#|_seconds/.test(line));
  }
}

export const patched = (...operations: object[]): Answer => ({
  allowed: true,
  patchType: "JSONPatch",
  patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
});
export const label = (key: string): Answer =>
  patched({ op: "add", path: `/metadata/labels/${key}`, value: "yes" });
export const pod = () => podWith({}, { labels: { app: "web" } });
export const podWithFinalizer = () => podWith({}, { labels: { app: "web" }, finalizers: ["a.b/c"] });
