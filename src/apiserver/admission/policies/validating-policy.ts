import type {
  ValidatingAdmissionPolicy as Policy,
  Validation,
} from "../../../api/types/admissionregistration-v1.ts";
import { boolType, type CelValue, nullType, stringType } from "../../../cel/index.ts";
import { Composition } from "../expressions/composition.ts";
import type { AdmissionVariables } from "../expressions/environment.ts";
import {
  Budget,
  type Expression,
  type Outcome,
  OutOfBudget,
  policyBudget,
} from "../expressions/expression.ts";
import { evaluateConditions, type MeasureConditions } from "../expressions/match-conditions.ts";

/** What one validation has to say about a request. */
export interface Denial {
  /** Of the validation in the policy. */
  readonly index: number;
  readonly message: string;
  readonly reason: string;
}

export interface PolicyVerdict {
  readonly denials: readonly Denial[];
  /** For the audit log. */
  readonly annotations: readonly { readonly key: string; readonly value: string }[];
  /** Annotations that could not be made; with failurePolicy Fail they deny the request. */
  readonly annotationErrors: readonly string[];
  /** What went wrong and is let pass, as the failurePolicy says. */
  readonly ignored: readonly string[];
}

const maxMessageBytes = 5 * 1024;
const nothing: PolicyVerdict = { denials: [], annotations: [], annotationErrors: [], ignored: [] };

/** A ValidatingAdmissionPolicy, its expressions compiled when they are first needed. Mirrors policy/validating/validator. */
export class CompiledValidatingPolicy {
  readonly #composition: Composition;
  readonly #conditions: readonly Expression[];
  readonly #validations: readonly { readonly validation: Validation; readonly expression: Expression }[];
  readonly #messages: readonly (Expression | undefined)[];
  readonly #annotations: readonly { readonly key: string; readonly expression: Expression }[];
  readonly #ignoresErrors: boolean;

  constructor({ spec }: Policy) {
    const full: AdmissionVariables = { params: spec.paramKind !== undefined, authorizer: true };
    // What is shown to people must not tell them who may do what.
    const forMessages: AdmissionVariables = { params: spec.paramKind !== undefined };
    this.#ignoresErrors = spec.failurePolicy === "Ignore";
    const composition = new Composition(spec.variables ?? [], full);
    this.#composition = composition;
    this.#conditions = (spec.matchConditions ?? []).map(({ expression }) =>
      composition.expression(expression, [boolType], full),
    );
    this.#validations = (spec.validations ?? []).map((validation) => ({
      validation,
      expression: composition.expression(validation.expression, [boolType], full),
    }));
    this.#messages = (spec.validations ?? []).map(({ messageExpression = "" }) =>
      messageExpression === ""
        ? undefined
        : composition.expression(messageExpression, [stringType], forMessages),
    );
    this.#annotations = (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      expression: composition.expression(valueExpression, [stringType, nullType], full),
    }));
  }

  /** `inputs` hold every variable, `withoutAuthorizer` those that messages may read. */
  async evaluate(
    inputs: Readonly<Record<string, unknown>>,
    withoutAuthorizer: Readonly<Record<string, unknown>>,
    measure: MeasureConditions,
  ): Promise<PolicyVerdict> {
    if (this.#conditions.length > 0) {
      const scope = this.#composition.scope(inputs);
      const verdict = await measure(() =>
        evaluateConditions(this.#conditions, (condition, budget) => scope.evaluate(condition, budget)),
      );
      if ("error" in verdict) return this.#failed(verdict.error);
      if (!verdict.matches) return nothing;
    }
    const budget = new Budget(policyBudget);
    try {
      const outcomes = await this.#outcomes(inputs, budget);
      const { denials, ignored } = await this.#denials(outcomes, withoutAuthorizer, budget);
      return { denials, ignored, ...(await this.#annotate(withoutAuthorizer)) };
    } catch (error) {
      if (!(error instanceof OutOfBudget)) throw error;
      return this.#failed(error.message);
    }
  }

  async #outcomes(inputs: Readonly<Record<string, unknown>>, budget: Budget): Promise<Outcome[]> {
    const scope = this.#composition.scope(inputs);
    const outcomes: Outcome[] = [];
    for (const { expression } of this.#validations) outcomes.push(await scope.evaluate(expression, budget));
    return outcomes;
  }

  async #denials(
    outcomes: readonly Outcome[],
    inputs: Readonly<Record<string, unknown>>,
    budget: Budget,
  ): Promise<Pick<PolicyVerdict, "denials" | "ignored">> {
    const scope = this.#composition.scope(inputs);
    const denials: Denial[] = [];
    const ignored: string[] = [];
    const fail = (index: number, message: string): void => {
      if (this.#ignoresErrors) ignored.push(message);
      else denials.push({ index, message, reason: "" });
    };
    for (const [index, { validation }] of this.#validations.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined || ("value" in outcome && outcome.value === true)) continue;
      if ("error" in outcome) {
        fail(index, outcome.error);
        continue;
      }
      const expression = this.#messages[index];
      const message = expression === undefined ? undefined : await messageOf(expression, scope, budget);
      if (typeof message === "object") {
        fail(index, message.error);
        continue;
      }
      const { message: fixed = "", reason = "Invalid" } = validation;
      const written = message ?? (fixed === "" ? undefined : fixed.trim());
      denials.push({
        index,
        message: written ?? `failed expression: ${validation.expression.trim()}`,
        reason,
      });
    }
    return { denials, ignored };
  }

  async #annotate(
    inputs: Readonly<Record<string, unknown>>,
  ): Promise<Pick<PolicyVerdict, "annotations" | "annotationErrors">> {
    const scope = this.#composition.scope(inputs);
    const budget = new Budget(policyBudget);
    const annotations: { key: string; value: string }[] = [];
    const annotationErrors: string[] = [];
    for (const { key, expression } of this.#annotations) {
      const outcome = await scope.evaluate(expression, budget);
      if ("error" in outcome) {
        if (!this.#ignoresErrors) annotationErrors.push(outcome.error);
        continue;
      }
      const value = typeof outcome.value === "string" ? outcome.value.trim() : "";
      if (value !== "") annotations.push({ key, value });
    }
    return { annotations, annotationErrors };
  }

  #failed(message: string): PolicyVerdict {
    if (this.#ignoresErrors) return { ...nothing, ignored: [message] };
    return { ...nothing, denials: [{ index: 0, message, reason: "" }] };
  }
}

/** Undefined when the expression says nothing that can be shown on one line. */
async function messageOf(
  expression: Expression,
  scope: ReturnType<Composition["scope"]>,
  budget: Budget,
): Promise<string | { readonly error: string } | undefined> {
  try {
    const outcome = await scope.evaluate(expression, budget);
    return "error" in outcome ? undefined : shownMessage(outcome.value);
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error;
    return { error: `failed messageExpression: ${error.message}` };
  }
}

function shownMessage(value: CelValue): string | undefined {
  if (typeof value !== "string") return undefined;
  const message = value.trim();
  const isShown = message !== "" && Buffer.byteLength(message) <= maxMessageBytes && !message.includes("\n");
  return isShown ? message : undefined;
}
