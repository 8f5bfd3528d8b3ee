import type { MutatingAdmissionPolicy as Policy } from "../../../api/types/admissionregistration-v1.ts";
import { deepEqual } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { newInternalError, StatusError } from "../../../apimachinery/status.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { refuse } from "../attributes.ts";
import { expressionInputs } from "../expressions/inputs.ts";
import type { Invocation } from "../webhooks/matching.ts";
import { Reinvocation } from "../webhooks/reinvocation.ts";
import { replaceContent } from "../webhooks/replace-content.ts";
import type { PolicyDependencies } from "./index.ts";
import { matchOf } from "./matching.ts";
import type { CompiledMutatingPolicy } from "./mutating-policy.ts";
import { collectParams, resourceOf } from "./params.ts";
import { errorTypeOf, PolicyMetrics } from "./policy-metrics.ts";
import type { BindingObject, BoundPolicies, BoundPolicy, Compiled } from "./policy-source.ts";
import { NamespaceGone, requestNamespace } from "./request-namespace.ts";

type Bound = BoundPolicy<Policy>;

/** A policy that could not do its work, where that is not to be ignored. */
interface PolicyError {
  readonly message: string;
  readonly reason: "Invalid" | "Forbidden";
}

/** One policy with one binding and one parameter. */
interface Application {
  readonly bound: Bound;
  readonly binding: BindingObject;
  readonly invocation: Invocation;
  readonly params: UnstructuredObject | undefined;
}

/** Lets the policies that are in force change objects, one after the other. Mirrors policy/mutating/dispatcher. */
export class MutatingPolicies {
  readonly #dependencies: PolicyDependencies;
  readonly #policies: BoundPolicies<Policy>;
  readonly #compiled: Compiled<Policy, CompiledMutatingPolicy>;
  readonly #metrics: PolicyMetrics;
  readonly #reinvocations = new WeakMap<AdmissionAttributes, Reinvocation>();

  constructor(
    dependencies: PolicyDependencies,
    policies: BoundPolicies<Policy>,
    compiled: Compiled<Policy, CompiledMutatingPolicy>,
  ) {
    this.#dependencies = dependencies;
    this.#policies = policies;
    this.#compiled = compiled;
    this.#metrics = new PolicyMetrics(dependencies, "mutating", ["error_type", "policy", "policy_binding"]);
  }

  wantsRepeat(attributes: AdmissionAttributes): boolean {
    return this.#reinvocations.get(attributes)?.isWanted === true;
  }

  async admit(attributes: AdmissionAttributes, isRepeat: boolean): Promise<void> {
    const reinvocation = this.#reinvocations.get(attributes) ?? new Reinvocation();
    this.#reinvocations.set(attributes, reinvocation);
    if (isRepeat) reinvocation.begin(attributes.object);
    const errors: PolicyError[] = [];
    // Which policies are concerned is settled before the first of them changes anything.
    const applications: Application[] = [];
    for (const bound of this.#policies.all())
      applications.push(...(await this.#applications(bound, attributes, errors)));
    let hasMutated = false;
    try {
      for (const application of applications) {
        const mutated = await this.#apply(application, attributes, isRepeat, reinvocation, errors);
        hasMutated ||= mutated;
      }
    } catch (error) {
      throw error instanceof NamespaceGone ? error.status : error;
    }
    // Once any mutation was made, all that were asked are asked again, be it that nobody changed anything.
    if (hasMutated) reinvocation.changed();
    if (!isRepeat) reinvocation.end(attributes.object);
    if (errors.length > 0) throw refusal(attributes, errors);
  }

  async #applications(
    bound: Bound,
    attributes: AdmissionAttributes,
    errors: PolicyError[],
  ): Promise<Application[]> {
    const { policy, bindings } = bound;
    const { reader, versions } = this.#dependencies;
    const report = this.#reporter(policy, errors);
    try {
      const invocation = matchOf(policy.spec.matchConstraints ?? {}, attributes, reader, versions);
      if (invocation === undefined) return [];
      const { paramKind } = policy.spec;
      if (paramKind !== undefined) resourceOf(this.#dependencies.scheme, paramKind);
      const applications: Application[] = [];
      for (const binding of bindings) {
        try {
          const { matchResources, paramRef } = binding.spec;
          if (
            matchResources !== undefined &&
            matchOf(matchResources, attributes, reader, versions) === undefined
          )
            continue;
          const found = await collectParams(this.#dependencies, paramKind, paramRef, attributes.namespace);
          for (const params of found) applications.push({ bound, binding, invocation, params });
        } catch (error) {
          report(`failed to configure binding: ${messageOf(error)}`, binding, "Forbidden");
        }
      }
      return applications;
    } catch (error) {
      report(`failed to configure policy: ${messageOf(error)}`, undefined, "Forbidden");
      return [];
    }
  }

  /** Whether a mutation was made, which may leave everything as it was. */
  async #apply(
    { bound: { policy }, binding, invocation, params }: Application,
    attributes: AdmissionAttributes,
    isRepeat: boolean,
    reinvocation: Reinvocation,
    errors: PolicyError[],
  ): Promise<boolean> {
    const compiled = this.#compiled.of(policy);
    const report = this.#reporter(policy, errors);
    const { versions, scheme, authorizer } = this.#dependencies;
    const { kind, resource } = invocation;
    const namespace = requestNamespace(this.#dependencies, attributes);
    const oldObject = await versions.inKind(attributes.oldObject, attributes.kind, kind);
    const inputsOf = (object: UnstructuredObject | undefined) =>
      expressionInputs(attributes, { kind, resource, object, oldObject }, { namespace, params, authorizer });
    const before = await versions.inKind(attributes.object, attributes.kind, kind);
    const [name = "", bindingName = ""] = [policy.metadata.name, binding.metadata.name];
    const owner = { kind: "policy", name, operation: attributes.operation, type: "validate" } as const;
    const verdict = await compiled.matches(inputsOf(before), (evaluate) =>
      this.#dependencies.conditionMetrics.measure(owner, evaluate),
    );
    if ("error" in verdict) {
      report(verdict.error, binding);
      return false;
    }
    if (!verdict.matches) return false;
    const id = [
      policy.metadata.name,
      binding.metadata.name,
      params?.metadata.namespace,
      params?.metadata.name,
    ].join("/");
    if (isRepeat && !reinvocation.mayAsk(id)) return false;
    let object = before;
    let hasMutated = false;
    for (const mutation of compiled.mutations) {
      if (object === undefined) break;
      const startMs = this.#metrics.now();
      const observe = (errorType: string): void =>
        this.#metrics.observe(startMs, errorType, name, bindingName);
      try {
        const mutated = await compiled.mutate(mutation, object, inputsOf(object), scheme);
        object =
          mutated === object ? object : decoded(() => versions.decode(kind, mutated, mutation.isPatch));
        hasMutated = true;
        observe("no_error");
      } catch (error) {
        observe(errorTypeOf(messageOf(error)));
        if (error instanceof StatusError) throw error;
        report(messageOf(error), binding);
      }
    }
    if (object !== undefined && attributes.object !== undefined && !deepEqual(object, before)) {
      replaceContent(attributes.object, await versions.inKind(object, kind, attributes.kind), attributes);
      reinvocation.changed();
    }
    if (policy.spec.reinvocationPolicy === "IfNeeded") reinvocation.asked(id);
    return hasMutated;
  }

  #reporter({ metadata, spec }: Policy, errors: PolicyError[]) {
    return (why: string, binding?: BindingObject, reason: PolicyError["reason"] = "Invalid"): void => {
      if (spec.failurePolicy === "Ignore") return;
      const by = binding === undefined ? "" : ` with binding '${binding.metadata.name}'`;
      const quoted = binding === undefined ? JSON.stringify(metadata.name) : `'${metadata.name}'`;
      errors.push({ message: `policy ${quoted}${by} denied request: ${why}`, reason });
    };
  }
}

/** What a mutation makes must be an object of the kind: otherwise the request fails, whatever the failurePolicy says. */
function decoded(work: () => UnstructuredObject): UnstructuredObject {
  try {
    return work();
  } catch (error) {
    if (error instanceof StatusError && error.status.reason === "Invalid") throw error;
    // Kubernetes converts here what it does not decode, so nothing is said of the version.
    throw newInternalError(
      messageOf(error).replace(/^\S+ in version "\S+" cannot be handled as a \S+: /, ""),
    );
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function refusal(attributes: AdmissionAttributes, errors: readonly PolicyError[]): StatusError {
  const { status } = refuse(attributes, "admission request denied by policy");
  const causes = errors.map(({ message }) => ({ message }));
  return new StatusError({
    ...status,
    message: errors[0]?.message ?? "",
    reason: errors[0]?.reason ?? "Forbidden",
    details: { ...status.details, causes },
  });
}
