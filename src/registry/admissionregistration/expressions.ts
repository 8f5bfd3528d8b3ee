import type {
  MatchCondition,
  MutatingAdmissionPolicy,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingWebhookConfiguration,
  Variable,
} from "../../api/types/admissionregistration-v1.ts";
import { same, text } from "../../api/validation/basics.ts";
import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { Composition } from "../../apiserver/admission/expressions/composition.ts";
import {
  type AdmissionVariables,
  admissionEnvironment,
} from "../../apiserver/admission/expressions/environment.ts";
import { compileMessage, Expression } from "../../apiserver/admission/expressions/expression.ts";
import {
  boolType,
  CelCompileError,
  type CelType,
  listType,
  nullType,
  stringType,
  structType,
} from "../../cel/index.ts";

/** What compiling the expressions of webhooks and policies says. Loaded when the first of them is written. */
type Webhooks = ValidatingWebhookConfiguration | MutatingWebhookConfiguration;

/** `shown` is what the message shows, where it is not what was compiled. */
function errorsOf(expression: Expression, path: string, shown = expression.source): FieldError[] {
  const program = expression.program();
  return program instanceof CelCompileError ? [invalid(path, shown, compileMessage(program))] : [];
}

/** One that is not there was told of before. */
function compiled(
  source: string | undefined,
  path: string,
  make: (source: string) => Expression,
  shown?: string,
): FieldError[] {
  return (source ?? "").trim() === "" ? [] : errorsOf(make(source ?? ""), path, shown);
}

function conditionErrors(
  conditions: readonly MatchCondition[] | undefined,
  variables: AdmissionVariables,
  path: string,
): FieldError[] {
  return (conditions ?? []).flatMap(({ expression }, index) =>
    compiled(
      text(expression).trim(),
      `${path}[${index}].expression`,
      (source) => new Expression(() => admissionEnvironment(variables), source, [boolType]),
    ),
  );
}

export function webhookExpressionErrors(now: Webhooks, old: Webhooks | undefined): FieldError[] {
  const conditionsOf = ({ webhooks }: Webhooks): unknown[] =>
    (webhooks ?? []).map(({ matchConditions }) => matchConditions ?? []);
  if (old !== undefined && same(conditionsOf(now), conditionsOf(old))) return [];
  return (now.webhooks ?? []).flatMap(({ matchConditions }, index) =>
    conditionErrors(matchConditions, { authorizer: true }, `webhooks[${index}].matchConditions`),
  );
}

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;

class PolicyExpressions {
  readonly variables: AdmissionVariables;
  readonly errors: FieldError[];
  readonly #composition: Composition | undefined;

  /** `isComposed`: expressions know of `variables` even where the policy has none. */
  constructor({ spec }: Policy, old: Policy | undefined, isComposed: boolean) {
    this.variables = { params: spec.paramKind !== undefined, authorizer: true };
    const areConditionsKept =
      old !== undefined &&
      same(spec.paramKind, old.spec.paramKind) &&
      same(spec.matchConditions, old.spec.matchConditions);
    this.errors = areConditionsKept
      ? []
      : conditionErrors(spec.matchConditions, this.variables, "spec.matchConditions");
    // What has no expression is told of elsewhere, and nothing knows of it.
    const isGiven = ({ expression }: Variable): boolean => text(expression).trim() !== "";
    const all = spec.variables ?? [];
    const variables = all.filter(isGiven);
    if (isComposed || variables.length > 0) {
      this.#composition = new Composition(variables, this.variables);
    }
    all.forEach(({ expression }, index) => {
      // Each reads those before it.
      const before = new Composition(all.slice(0, index).filter(isGiven), this.variables);
      const make = (source: string): Expression => before.expression(source, undefined, this.variables);
      this.errors.push(...compiled(expression, `spec.variables[${index}].expression`, make));
    });
  }

  add(
    source: string | undefined,
    path: string,
    types: readonly CelType[],
    variables: AdmissionVariables,
    shown?: string,
  ): void {
    const make = (text: string): Expression =>
      this.#composition?.expression(text, types, variables) ??
      new Expression(() => admissionEnvironment(variables), text, types);
    this.errors.push(...compiled(source, path, make, shown));
  }
}

export function validatingPolicyExpressionErrors(
  now: ValidatingAdmissionPolicy,
  old: ValidatingAdmissionPolicy | undefined,
): FieldError[] {
  const expressions = new PolicyExpressions(now, old, false);
  const { variables } = expressions;
  (now.spec.validations ?? []).forEach(({ expression, messageExpression }, index) => {
    const path = `spec.validations[${index}]`;
    expressions.add(expression, `${path}.expression`, [boolType], variables);
    const forMessages = { ...variables, authorizer: false };
    expressions.add(messageExpression, `${path}.messageExpression`, [stringType], forMessages);
  });
  (now.spec.auditAnnotations ?? []).forEach(({ valueExpression }, index) => {
    const path = `spec.auditAnnotations[${index}].valueExpression`;
    expressions.add(valueExpression?.trim(), path, [stringType, nullType], variables, valueExpression);
  });
  return expressions.errors;
}

const objectType = structType("Object", {});
const patchType = listType(structType("JSONPatch", {}));

export function mutatingPolicyExpressionErrors(
  now: MutatingAdmissionPolicy,
  old: MutatingAdmissionPolicy | undefined,
): FieldError[] {
  const expressions = new PolicyExpressions(now, old, true);
  const variables = { ...expressions.variables, mutation: true };
  (now.spec.mutations ?? []).forEach((mutation, index) => {
    const isPatch = mutation.patchType === "JSONPatch";
    const field = isPatch ? "jsonPatch" : "applyConfiguration";
    const source = mutation[field]?.expression?.trim();
    const path = `spec.mutations[${index}].${field}.expression`;
    expressions.add(source, path, [isPatch ? patchType : objectType], variables);
  });
  return expressions.errors;
}
