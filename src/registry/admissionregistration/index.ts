import type { FieldError } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

type Expressions = typeof import("./expressions.ts");

/** Expressions are compiled by a part of the server that is loaded when the first of them is written. */
function extension<T>(
  resource: string,
  errorsOf: (expressions: Expressions) => (now: T, old: T | undefined) => FieldError[],
): ResourceExtension {
  const typed = (object: UnstructuredObject): T => object as unknown as T;
  return {
    group: "admissionregistration.k8s.io",
    resource,
    setup: () => ({
      strategy: {
        async validateExpressions(_context, object, old, subresource) {
          if (subresource !== "") return [];
          const check = errorsOf(await import("./expressions.ts"));
          return check(typed(object), old === undefined ? undefined : typed(old));
        },
      },
    }),
  };
}

export const admissionRegistrationExtensions: readonly ResourceExtension[] = [
  extension("validatingwebhookconfigurations", (one) => one.webhookExpressionErrors),
  extension("mutatingwebhookconfigurations", (one) => one.webhookExpressionErrors),
  extension("validatingadmissionpolicies", (one) => one.validatingPolicyExpressionErrors),
  extension("mutatingadmissionpolicies", (one) => one.mutatingPolicyExpressionErrors),
];
