import { builtinScheme } from "../../../../api/builtin-scheme.ts";
import { VirtualClock } from "../../../../apimachinery/clock.ts";
import type { Metric } from "../../../../apimachinery/metrics.ts";
import type { KubernetesObject } from "../../../../apimachinery/object.ts";
import { StatusError } from "../../../../apimachinery/status.ts";
import type { AuthorizationAttributes } from "../../../authorization/authorizer.ts";
import { AdmissionRunner } from "../../../registry/admission-runner.ts";
import { ConditionMetrics } from "../../condition-metrics.ts";
import { attributesOf, podWith, type Request } from "../../testing/attributes.ts";
import { FakeReader } from "../../testing/fake-reader.ts";
import { admissionPolicies } from "../index.ts";

export const group = "admissionregistration.k8s.io";
export const pods = {
  resourceRules: [{ operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
};

export const policyOf = (kind: "Validating" | "Mutating", name: string, spec: object): KubernetesObject =>
  ({
    apiVersion: `${group}/v1`,
    kind: `${kind}AdmissionPolicy`,
    metadata: { name },
    spec: { failurePolicy: "Fail", matchConstraints: pods, ...spec },
  }) as never;

export const bindingOf = (
  kind: "Validating" | "Mutating",
  policyName: string,
  spec: object = {},
): KubernetesObject =>
  ({
    apiVersion: `${group}/v1`,
    kind: `${kind}AdmissionPolicyBinding`,
    metadata: { name: `${policyName}-binding` },
    spec: { policyName, ...(kind === "Validating" ? { validationActions: ["Deny"] } : {}), ...spec },
  }) as never;

export class Chain {
  readonly reader = new FakeReader().put("namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default", labels: { tier: "gold" } },
  });
  readonly asked: AuthorizationAttributes[] = [];
  readonly #runner: AdmissionRunner;
  readonly #metrics: Metric[] = [];
  readonly #measuring = {
    clock: new VirtualClock(),
    register: (metric: Metric) => void this.#metrics.push(metric),
  };

  constructor() {
    const { mutating, validating } = admissionPolicies({
      reader: this.reader,
      scheme: builtinScheme({ betas: true }),
      authorizer: {
        authorize: async (attributes) => {
          this.asked.push(attributes);
          return { decision: attributes.verb === "use" ? "allow" : "noOpinion", reason: "" };
        },
        rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
      },
      ...this.#measuring,
      conditionMetrics: new ConditionMetrics(this.#measuring.clock, this.#measuring.register),
    });
    this.#runner = new AdmissionRunner([mutating, validating]);
  }

  metrics(): string[] {
    return this.#metrics.flatMap((metric) => metric.lines()).filter((line) => !/^#|_seconds/.test(line));
  }

  validating(spec: object, binding: object = {}, name = "p"): this {
    this.reader.put(`validatingadmissionpolicies.${group}`, policyOf("Validating", name, spec));
    this.reader.put(`validatingadmissionpolicybindings.${group}`, bindingOf("Validating", name, binding));
    return this;
  }

  mutating(spec: object, binding: object = {}, name = "p"): this {
    this.reader.put(`mutatingadmissionpolicies.${group}`, policyOf("Mutating", name, spec));
    this.reader.put(`mutatingadmissionpolicybindings.${group}`, bindingOf("Mutating", name, binding));
    return this;
  }

  async run(request: Request = { object: pod() }) {
    const notes: Record<string, string> = {};
    const audit = {
      annotate: (key: string, value: string) => void (notes[key] = value),
      wantsRequest: false,
    };
    const attributes = { ...attributesOf(request), audit };
    const { object, warnings } = attributes;
    const answer = (verdict: string, reason = "") => ({ verdict, reason, object, warnings, notes });
    try {
      await this.#runner.mutate(attributes);
      await this.#runner.validate(attributes);
      return answer("admitted");
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return answer(`${error.code} ${error.message}`, error.reason);
    }
  }
}

export const pod = () => podWith({ hostNetwork: true }, { labels: { app: "web" } });
export const validation = (expression: string, rest: object = {}) => ({
  validations: [{ expression, ...rest }],
});
export const denied = `pods "web" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p-binding' denied request: `;
