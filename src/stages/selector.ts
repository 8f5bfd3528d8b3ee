import { isObject } from "../apimachinery/json.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { celOf, jqOf } from "./expressions.ts";
import { type Fields, fields, items, onlyKnown, StageRefused, text, texts } from "./fields.ts";

/** Whether an object is meant. Throws Undecided where it does not allow a condition to be evaluated. */
type Condition = (object: KubernetesObject) => boolean;

/** Without a selector a Stage matches nothing; with an empty one, everything. Throws StageRefused. */
export function readSelector(selector: unknown): Condition {
  if (!isObject(selector)) return () => false;
  onlyKnown("spec.selector", selector, ["matchLabels", "matchAnnotations", "matchExpressions"]);
  const read = items(selector["matchExpressions"]).map((expression, at) =>
    readExpression(`spec.selector.matchExpressions[${at}]`, fields(expression)),
  );
  // In kwok's order: what CEL says is asked last, of objects that all else holds for.
  const conditions = [
    pairs(selector["matchLabels"], ({ metadata }) => metadata.labels),
    pairs(selector["matchAnnotations"], ({ metadata }) => metadata.annotations),
    ...read.filter(({ isCel }) => !isCel).map(({ holds }) => holds),
    ...read.filter(({ isCel }) => isCel).map(({ holds }) => holds),
  ];
  return (object) => conditions.every((holds) => holds(object));
}

function pairs(
  given: unknown,
  of: (object: KubernetesObject) => Readonly<Record<string, string>> | undefined,
): Condition {
  const wanted = Object.entries(fields(given));
  return (object) => wanted.every(([key, value]) => of(object)?.[key] === value);
}

function readExpression(
  where: string,
  given: Fields,
): { readonly isCel: boolean; readonly holds: Condition } {
  onlyKnown(where, given, ["cel", "jq", "key", "operator", "values"]);
  const jq = isObject(given["jq"]) ? given["jq"] : given;
  if (text(jq["key"]) !== "") return { isCel: false, holds: jqCondition(where, jq) };
  const { expression } = fields(given["cel"]);
  if (text(expression) === "") throw new StageRefused(`${where} has neither jq nor cel`);
  const value = celOf(where, text(expression), true);
  return { isCel: true, holds: (object) => value(object) === true };
}

function jqCondition(where: string, { key, operator, values }: Fields): Condition {
  const find = jqOf(where, text(key));
  const wanted = texts(values);
  const takesValues = operator === "In" || operator === "NotIn";
  if (takesValues !== wanted.length > 0)
    throw new StageRefused(`${where}: ${String(operator)} takes ${takesValues ? "" : "no "}values`);
  const isWanted = (value: unknown): boolean =>
    (typeof value === "string" || typeof value === "boolean" || typeof value === "number") &&
    wanted.includes(String(value));
  switch (operator) {
    case "In":
      return (object) => find(object).some(isWanted);
    case "NotIn":
      return (object) => !find(object).some(isWanted);
    case "Exists":
      return (object) => find(object).length > 0;
    case "DoesNotExist":
      return (object) => find(object).length === 0;
    default:
      throw new StageRefused(`${where}: operator ${JSON.stringify(operator)} is not supported`);
  }
}
