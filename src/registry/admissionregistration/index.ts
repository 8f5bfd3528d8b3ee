import type {
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
} from "../../api/types/admissionregistration-v1.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { RegistryDependencies, ResourceExtension } from "../../apiserver/registry/strategy.ts";
import type { UserInfo } from "../../apiserver/request-context.ts";
import type { BindingWithParams, PolicyWithParams } from "./authorize-params.ts";

type Expressions = typeof import("./expressions.ts");
type Authorization = typeof import("./authorize-params.ts");

/** What the expressions of an object are found to be; `old` is undefined on creation. */
type Compile<T> = (expressions: Expressions) => (now: T, old: T | undefined) => FieldError[];

/** What those who write it would have to be allowed beside that. */
type Authorize<T> = (
  authorization: Authorization,
  dependencies: RegistryDependencies,
  user: UserInfo,
  now: T,
  old: T | undefined,
) => Promise<FieldError[]>;

interface Checks<T> {
  readonly compile?: Compile<T>;
  readonly authorize?: Authorize<T>;
}

/**
 * Expressions are compiled by a part of the server that is loaded when the first of them is written. Nobody is asked what may be
 * read before all else is right.
 */
function extension<T extends object>(resource: string, { compile, authorize }: Checks<T>): ResourceExtension {
  const typed = (object: UnstructuredObject): T => object as unknown as T;
  return {
    group: "admissionregistration.k8s.io",
    resource,
    setup: (dependencies) => ({
      strategy: {
        async validateExpressions({ user, resource: { version } }, object, old, subresource) {
          if (subresource !== "") return [];
          const [now, before] = [typed(object), old === undefined ? undefined : typed(old)];
          const errors = compile === undefined ? [] : compile(await import("./expressions.ts"))(now, before);
          if (authorize === undefined || errors.length > 0) return errors;
          const { scheme } = dependencies;
          const kind = scheme.resource({ group: "admissionregistration.k8s.io", version, resource });
          const isValid =
            kind === undefined ||
            (old === undefined
              ? scheme.validateCreate(kind, object)
              : scheme.validateUpdate(kind, object, old, "")
            ).length === 0;
          if (!isValid) return [];
          return authorize(await import("./authorize-params.ts"), dependencies, user, now, before);
        },
      },
    }),
  };
}

const policies = <T extends PolicyWithParams>(resource: string, compile: Compile<T>): ResourceExtension =>
  extension(resource, {
    compile,
    authorize: (one, dependencies, user, now, old) => one.policyParamErrors(dependencies, user, now, old),
  });

/** `resource`: of the policies that they bind. */
const bindings = (resource: string, policyResource: string): ResourceExtension =>
  extension<BindingWithParams>(resource, {
    authorize: (one, dependencies, user, now, old) =>
      one.bindingParamErrors(dependencies, policyResource, user, now, old),
  });

export const admissionRegistrationExtensions: readonly ResourceExtension[] = [
  extension("validatingwebhookconfigurations", { compile: (one) => one.webhookExpressionErrors }),
  extension("mutatingwebhookconfigurations", { compile: (one) => one.webhookExpressionErrors }),
  policies<ValidatingAdmissionPolicy>(
    "validatingadmissionpolicies",
    (one) => one.validatingPolicyExpressionErrors,
  ),
  policies<MutatingAdmissionPolicy>("mutatingadmissionpolicies", (one) => one.mutatingPolicyExpressionErrors),
  bindings("validatingadmissionpolicybindings", "validatingadmissionpolicies"),
  bindings("mutatingadmissionpolicybindings", "mutatingadmissionpolicies"),
];
