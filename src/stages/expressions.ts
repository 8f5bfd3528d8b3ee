import type { KubernetesObject } from "../apimachinery/object.ts";
import {
  boolType,
  CelCompileError,
  CelEnvironment,
  CelEvaluationError,
  type CelValue,
  dynType,
} from "../cel/index.ts";
import { orRefused, StageRefused } from "./fields.ts";
import { type JqQuery, parseJq } from "./jq.ts";

/** The object does not allow an expression to be evaluated. */
export class Undecided extends Error {
  override readonly name = "Undecided";
}

const environment = new CelEnvironment({ variables: { self: dynType } });

/** The value of an expression in CEL over `self`. Throws StageRefused; what it returns throws Undecided. */
export function celOf(
  where: string,
  expression: string,
  isCondition: boolean,
): (object: KubernetesObject) => CelValue {
  const program = environment.compile(expression, isCondition ? { outputTypes: [boolType, dynType] } : {});
  if (program instanceof CelCompileError) throw new StageRefused(`${where}: ${program.message}`);
  return (self) => {
    try {
      return program.evaluate({ self }).value;
    } catch (error) {
      if (error instanceof CelEvaluationError) throw new Undecided(error.message);
      throw error;
    }
  };
}

/** What a query in jq finds, without nulls. Throws StageRefused. */
export function jqOf(where: string, expression: string): JqQuery {
  const query = orRefused(where, () => parseJq(expression));
  return (object) => query(object).filter((value) => value !== null && value !== undefined);
}
