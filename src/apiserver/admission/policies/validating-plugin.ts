import type { ValidatingAdmissionPolicy as Policy } from "../../../api/types/admissionregistration-v1.ts";
import { StatusError } from "../../../apimachinery/status.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { refuse } from "../attributes.ts";
import { expressionInputs } from "../expressions/inputs.ts";
import type { VersionedRequest } from "../webhooks/admission-review.ts";
import type { PolicyDependencies } from "./index.ts";
import { matchOf } from "./matching.ts";
import { collectParams, resourceOf } from "./params.ts";
import { errorTypeOf, PolicyMetrics } from "./policy-metrics.ts";
import type { BindingObject, BoundPolicies, BoundPolicy, Compiled } from "./policy-source.ts";
import { NamespaceGone, requestNamespace } from "./request-namespace.ts";
import type { CompiledValidatingPolicy, Denial, PolicyVerdict } from "./validating-policy.ts";

type Bound = BoundPolicy<Policy>;

interface Denied {
  readonly policy: string;
  /** Absent when the policy itself cannot be used. */
  readonly binding?: string;
  readonly message: string;
  readonly reason: string;
}

const maxAnnotationLength = 10 * 1024;

/** Evaluates the policies that are in force. Mirrors policy/validating/dispatcher. */
export class ValidatingPolicies {
  readonly #dependencies: PolicyDependencies;
  readonly #policies: BoundPolicies<Policy>;
  readonly #compiled: Compiled<Policy, CompiledValidatingPolicy>;
  readonly #metrics: PolicyMetrics;

  constructor(
    dependencies: PolicyDependencies,
    policies: BoundPolicies<Policy>,
    compiled: Compiled<Policy, CompiledValidatingPolicy>,
  ) {
    this.#dependencies = dependencies;
    this.#policies = policies;
    this.#compiled = compiled;
    const labels = ["enforcement_action", "error_type", "policy", "policy_binding"];
    this.#metrics = new PolicyMetrics(dependencies, "validating", labels);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const denied: Denied[] = [];
    for (const bound of this.#policies.all()) await this.#consider(bound, attributes, denied);
    const [first] = denied;
    if (first !== undefined) throw refusal(attributes, first);
  }

  async #consider(bound: Bound, attributes: AdmissionAttributes, denied: Denied[]): Promise<void> {
    const { policy, bindings } = bound;
    const { reader, versions } = this.#dependencies;
    const name = policy.metadata.name ?? "";
    const fails = policy.spec.failurePolicy !== "Ignore";
    const invocation = attempt(
      () => {
        const match = matchOf(policy.spec.matchConstraints ?? {}, attributes, reader, versions);
        const { paramKind } = policy.spec;
        if (match !== undefined && paramKind !== undefined) resourceOf(this.#dependencies.scheme, paramKind);
        return match;
      },
      (why) => {
        if (fails) denied.push({ policy: name, message: `failed to configure policy: ${why}`, reason: "" });
      },
    );
    if (invocation === undefined) return;
    const notes = new Map<string, Set<string>>();
    let versioned: VersionedRequest | undefined;
    for (const binding of bindings) {
      try {
        const { matchResources } = binding.spec;
        if (
          matchResources !== undefined &&
          matchOf(matchResources, attributes, reader, versions) === undefined
        )
          continue;
        versioned ??= {
          ...invocation,
          object: await versions.inKind(attributes.object, attributes.kind, invocation.kind),
          oldObject: await versions.inKind(attributes.oldObject, attributes.kind, invocation.kind),
        };
        const { paramKind } = policy.spec;
        const params = await collectParams(
          this.#dependencies,
          paramKind,
          binding.spec.paramRef,
          attributes.namespace,
        );
        const namespace = requestNamespace(this.#dependencies, attributes);
        for (const each of params) {
          const inputs = expressionInputs(attributes, versioned, {
            namespace,
            params: each,
            authorizer: this.#dependencies.authorizer,
          });
          const shown = expressionInputs(attributes, versioned, { namespace, params: each });
          const owner = { kind: "policy", name, operation: attributes.operation, type: "validate" } as const;
          const startMs = this.#metrics.now();
          const verdict = await this.#compiled
            .of(policy)
            .evaluate(inputs, shown, (evaluate) =>
              this.#dependencies.conditionMetrics.measure(owner, evaluate),
            );
          denied.push(...this.#act(verdict, startMs, name, binding, attributes));
          for (const { key, value } of verdict.annotations) note(notes, key, value);
        }
      } catch (error) {
        if (error instanceof NamespaceGone) throw error.status;
        if (!fails) continue;
        const message = `failed to configure binding: ${error instanceof Error ? error.message : String(error)}`;
        denied.push({ policy: name, binding: binding.metadata.name ?? "", message, reason: "" });
      }
    }
    for (const [key, values] of notes) attributes.audit?.annotate(`${name}/${key}`, [...values].join(", "));
  }

  /** Denies, warns and writes down, as the binding says; answers what is denied. */
  #act(
    verdict: PolicyVerdict,
    startMs: number,
    policy: string,
    binding: BindingObject,
    attributes: AdmissionAttributes,
  ): Denied[] {
    const name = binding.metadata.name ?? "";
    const actions = binding.spec.validationActions ?? [];
    const denied: Denied[] = [];
    const observe = (action: string, message: string): void =>
      this.#metrics.observe(startMs, action, errorTypeOf(message), policy, name);
    for (const message of verdict.ignored) observe("allow", message);
    for (const message of verdict.annotationErrors) observe("deny", message);
    for (const denial of verdict.denials) {
      for (const action of actions) {
        observe(action.toLowerCase(), denial.message);
        if (action === "Deny") denied.push({ policy, binding: name, ...denial });
        else if (action === "Audit") publishFailure(denial, policy, binding, attributes);
        else if (action === "Warn")
          attributes.addWarning(
            `Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${name}': ${denial.message}`,
          );
      }
    }
    const errors = verdict.annotationErrors.map((message) => ({
      policy,
      binding: name,
      message,
      reason: "",
    }));
    return [...denied, ...errors];
  }
}

function attempt<T>(work: () => T, onFailure: (why: string) => void): T | undefined {
  try {
    return work();
  } catch (error) {
    onFailure(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function note(notes: Map<string, Set<string>>, key: string, value: string): void {
  const values = notes.get(key) ?? new Set<string>();
  notes.set(key, values.add(value.slice(0, maxAnnotationLength)));
}

function publishFailure(
  { index, message }: Denial,
  policy: string,
  { metadata, spec }: BindingObject,
  { audit }: AdmissionAttributes,
): void {
  const { validationActions = [] } = spec;
  const failure = {
    message,
    policy,
    binding: metadata.name ?? "",
    expressionIndex: index,
    validationActions,
  };
  audit?.annotate("validation.policy.admission.k8s.io/validation_failure", JSON.stringify([failure]));
}

const codes: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
};

function refusal(attributes: AdmissionAttributes, { policy, binding, message, reason }: Denied): StatusError {
  const by = binding === undefined ? "" : ` with binding '${binding}'`;
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`;
  const { status } = refuse(attributes, text);
  return new StatusError({
    ...status,
    reason: reason === "" ? "Invalid" : reason,
    details: { ...status.details, causes: [{ message: text }] },
    code: codes[reason] ?? 422,
  });
}
