import type { Scheme } from "../../../api/scheme.ts";
import type { MutatingAdmissionPolicy as Policy } from "../../../api/types/admissionregistration-v1.ts";
import { mergeConfiguration } from "../../../apimachinery/apply/merge-configuration.ts";
import { parseApiVersion } from "../../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { applyJsonPatch } from "../../../apimachinery/patch/json-patch.ts";
import {
  boolType,
  type CelValue,
  listType,
  patchTypeNameErrors,
  structType,
  toJson,
  typeNameErrors,
} from "../../../cel/index.ts";
import { Composition } from "../expressions/composition.ts";
import type { AdmissionVariables } from "../expressions/environment.ts";
import { Budget, type Expression, policyBudget } from "../expressions/expression.ts";
import {
  evaluateConditions,
  type MatchVerdict,
  type MeasureConditions,
} from "../expressions/match-conditions.ts";

const objectType = structType("Object", {});
const jsonPatchType = listType(structType("JSONPatch", {}));

interface Mutation {
  readonly isPatch: boolean;
  readonly expression: Expression;
}

/** A MutatingAdmissionPolicy, its expressions compiled when they are first needed. */
export class CompiledMutatingPolicy {
  /** In the order in which they are made; each sees what those before it have made. */
  readonly mutations: readonly Mutation[];
  readonly #composition: Composition;
  readonly #conditions: readonly Expression[];

  constructor({ spec }: Policy) {
    const variables: AdmissionVariables = { params: spec.paramKind !== undefined, authorizer: true };
    const composition = new Composition(spec.variables ?? [], variables);
    this.#composition = composition;
    this.#conditions = (spec.matchConditions ?? []).map(({ expression }) =>
      composition.expression(expression, [boolType], variables),
    );
    this.mutations = (spec.mutations ?? []).map(({ patchType, jsonPatch, applyConfiguration }) => {
      const isPatch = patchType === "JSONPatch";
      const source = (isPatch ? jsonPatch : applyConfiguration)?.expression ?? "";
      const made = { ...variables, mutation: true };
      return {
        isPatch,
        expression: composition.expression(source, [isPatch ? jsonPatchType : objectType], made),
      };
    });
  }

  async matches(
    inputs: Readonly<Record<string, unknown>>,
    measure: MeasureConditions,
  ): Promise<MatchVerdict> {
    if (this.#conditions.length === 0) return { matches: true, failures: 0 };
    const scope = this.#composition.scope(inputs);
    return await measure(() =>
      evaluateConditions(this.#conditions, (condition, budget) => scope.evaluate(condition, budget)),
    );
  }

  /** The object after the mutation, not yet decoded. Throws what is wrong with it, for the failurePolicy to decide. */
  async mutate(
    { isPatch, expression }: Mutation,
    object: UnstructuredObject,
    inputs: Readonly<Record<string, unknown>>,
    scheme: Scheme,
  ): Promise<unknown> {
    const outcome = await this.#composition.scope(inputs).evaluate(expression, new Budget(policyBudget));
    if ("error" in outcome) throw new Error(outcome.error);
    return isPatch ? patched(object, outcome.value) : merged(object, outcome.value, scheme);
  }
}

function merged(object: UnstructuredObject, value: CelValue, scheme: Scheme): UnstructuredObject {
  checkTypeNames(typeNameErrors(value));
  const { apiVersion, kind } = object;
  const info = scheme.resourceForKind({ ...parseApiVersion(apiVersion), kind });
  try {
    return mergeConfiguration({
      object,
      configuration: { ...(toJson(value) as object), apiVersion, kind },
      schema: info === undefined ? undefined : scheme.schemas.get(info.schemaName),
      schemas: scheme.schemas,
    });
  } catch (error) {
    throw new Error(`error applying patch: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** A test that fails is no failure: the patch is not made then. */
function patched(object: UnstructuredObject, value: CelValue): unknown {
  checkTypeNames(patchTypeNameErrors(value));
  const patch = (toJson(value) as Record<string, unknown>[]).map(operationOf);
  try {
    return applyJsonPatch(object, patch);
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    if (/testing value|test failed/i.test(cause)) return object;
    throw new Error(`JSON Patch: ${cause}`, { cause: error });
  }
}

function operationOf({ op, path, from, value }: Record<string, unknown>): Record<string, unknown> {
  return {
    op,
    path,
    ...(from === undefined || from === "" ? {} : { from }),
    ...(value === undefined ? {} : { value }),
  };
}

function checkTypeNames(errors: readonly string[]): void {
  if (errors.length > 0) throw new Error(`type mismatch: ${errors.join("\n")}`);
}
