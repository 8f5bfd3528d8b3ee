import { type FieldError, invalid, required, tooMany } from "../../../apimachinery/field-error.ts";
import type { Rest } from "../../../apimachinery/in-slices.ts";
import { isObject } from "../../../apimachinery/json.ts";
import type { Correlation } from "./correlation.ts";
import { isKnownFormat, isOfFormat } from "./formats.ts";
import { checkJunctors, hasJunctors, type Judged, judge, judgeInParts } from "./junctors.ts";
import { fieldFault, Outcome, wrongType } from "./outcome.ts";
import { shownPath } from "./path.ts";
import type { SchemaNode } from "./schema-node.ts";
import { checkEnum, checkNumber, checkString, isInteger, longMatch } from "./validate-scalars.ts";

/**
 * Holds values against schemas as k8s.io/kube-openapi/pkg/validation does: the same checks in the same order, worded
 * alike, and of alternatives the failures of the one that came closest.
 */
export function schemaErrors(
  value: unknown,
  schema: SchemaNode | undefined,
  path = "",
  correlation?: Correlation,
): FieldError[] {
  if (schema === undefined) return [];
  return errorsOf(validate({ schema, value, place: "", correlation, below: correlation }), path);
}

/** As `schemaErrors`, a part at a time: the caller decides after each part when to go on. */
export function* schemaErrorsInParts(
  value: unknown,
  schema: SchemaNode | undefined,
  path = "",
  correlation?: Correlation,
): Generator<Rest, FieldError[]> {
  if (schema === undefined) return [];
  const task = { schema, value, place: "", correlation, below: correlation };
  return errorsOf(yield* validateInParts(task), path);
}

function errorsOf({ faults }: Outcome, path: string): FieldError[] {
  return faults.map(({ message, error }) => {
    if (error === undefined) return invalid(shownPath(path), "", message);
    const name = error.path.replace(/^\./, "");
    return { ...error, path: name === "" ? shownPath(path) : path === "" ? name : `${path}.${name}` };
  });
}

interface Task {
  readonly schema: SchemaNode;
  readonly value: unknown;
  /** The path as messages show it. */
  readonly place: string;
  /** What the value was before; its faults are forgiven when it has not changed. */
  readonly correlation: Correlation | undefined;
  /** The same for what is below the value. */
  readonly below: Correlation | undefined;
}

const validate = (task: Task): Outcome => unlessUnchanged(run(task), task);

function* validateInParts(task: Task): Generator<Rest, Outcome> {
  return unlessUnchanged(yield* runInParts(task), task);
}

function unlessUnchanged(outcome: Outcome, task: Task): Outcome {
  if (outcome.isValid || task.correlation?.isSame !== true) return outcome;
  const forgiven = new Outcome();
  forgiven.matches = outcome.matches;
  return forgiven;
}

function run(task: Task): Outcome {
  const { schema, value, place } = task;
  const result = new Outcome();
  const judged = isJudged(task) ? judge(schema.props, (other) => run(alternative(task, other))) : undefined;
  if (!begin(result, task, judged)) return result;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    for (let index = 0; schema.items !== undefined && index < items.length; index++) {
      result.merge(validate(itemOf(task, schema.items, items[index], index)));
    }
    checkLength(result, task, items);
  }
  checkEnum(result, schema, value, place);
  result.matches++;
  if (isObject(value)) {
    checkSize(result, task, value);
    for (const name of Object.keys(value)) {
      const member = memberOf(result, task, value, name);
      if (member !== undefined) result.merge(validate(member));
    }
    checkRequired(result, task, value);
  }
  result.matches++;
  return result;
}

/** The same as `run`. */
function* runInParts(task: Task): Generator<Rest, Outcome> {
  const { schema, value, place } = task;
  const result = new Outcome();
  const judged = isJudged(task)
    ? yield* judgeInParts(schema.props, (other) => runInParts(alternative(task, other)))
    : undefined;
  const pending = longMatch(schema, value);
  let isMatch: boolean | undefined;
  if (pending !== undefined) {
    yield pending.then((found) => {
      isMatch = found;
    });
  }
  if (!begin(result, task, judged, isMatch)) return result;
  yield;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    for (let index = 0; schema.items !== undefined && index < items.length; index++) {
      result.merge(yield* validateInParts(itemOf(task, schema.items, items[index], index)));
    }
    checkLength(result, task, items);
  }
  checkEnum(result, schema, value, place);
  result.matches++;
  if (isObject(value)) {
    checkSize(result, task, value);
    for (const name of Object.keys(value)) {
      const member = memberOf(result, task, value, name);
      if (member !== undefined) result.merge(yield* validateInParts(member));
    }
    checkRequired(result, task, value);
  }
  result.matches++;
  return result;
}

const isJudged = ({ schema, value }: Task): boolean =>
  value !== null && value !== undefined && hasJunctors(schema.props);

/** The same value held against another schema. */
const alternative = ({ value, place, below }: Task, schema: SchemaNode): Task => ({
  schema,
  value,
  place,
  correlation: undefined,
  below,
});

/** All that is said of the value before what is below it. False when that is all. */
function begin(result: Outcome, task: Task, judged: Judged | undefined, isMatch?: boolean): boolean {
  const { schema, value, place } = task;
  const types = typesOf(schema);
  const format = formatOf(schema, types);
  if (value === null || value === undefined) {
    checkNull(result, schema, types, place);
    checkEnum(result, schema, value, place);
    return false;
  }
  if (types.length > 0 || format !== "") {
    checkType(result, types, format, value, place);
    result.matches++;
  }
  if (judged !== undefined) checkJunctors(result, schema.props, judged, place);
  result.matches += 2;
  if (typeof value === "string") {
    checkString(result, schema, value, place, isMatch);
    result.matches++;
    if (format !== "" && isKnownFormat("string", format)) {
      if (!isOfFormat(format, value)) result.add(wrongType(place, format, value));
      result.matches++;
    }
  } else if (typeof value === "number" || typeof value === "bigint") {
    checkNumber(result, schema, types, format, value, place);
    result.matches += 2;
  }
  return true;
}

const typesOf = (schema: SchemaNode): readonly string[] => {
  if (schema.isIntOrString) return ["integer", "string"];
  return schema.type === "" ? [] : [schema.type];
};

/** Formats that are not known are as if they were not there. */
function formatOf({ props }: SchemaNode, types: readonly string[]): string {
  const { format = "" } = props;
  if (format === "") return "";
  return isKnownFormat(types.length === 1 ? (types[0] ?? "") : "", format) ? format : "";
}

function nameOfType(value: unknown): { type: string; format: string } {
  if (typeof value === "boolean") return { type: "boolean", format: "" };
  if (typeof value === "string") return { type: "string", format: "" };
  if (typeof value === "number" || typeof value === "bigint") {
    return isInteger(value) ? { type: "integer", format: "int64" } : { type: "number", format: "float64" };
  }
  return { type: Array.isArray(value) ? "array" : "object", format: "" };
}

function checkNull(result: Outcome, schema: SchemaNode, types: readonly string[], place: string): void {
  if (types.length > 0 && !schema.isNullable) result.add(wrongType(place, types.join(","), "null"));
  else result.matches++;
}

function checkType(
  result: Outcome,
  types: readonly string[],
  format: string,
  value: unknown,
  place: string,
): void {
  const found = nameOfType(value);
  const isText = typeof value === "string" || Array.isArray(value);
  const fits = types.includes(found.type) || (found.type === "integer" && types.includes("number"));
  const isNumeric = types.includes("number") || types.includes("integer");
  if (!isText && format !== "" && !fits && format !== found.format) {
    result.add(wrongType(place, format, found.format));
  } else if (isText && format !== "" && !isNumeric) result.matches++;
  else if (!fits) result.add(wrongType(place, types.join(","), found.type));
  else result.matches++;
}

function itemOf({ place, below }: Task, schema: SchemaNode, value: unknown, index: number): Task {
  const correlation = below?.index(index);
  return { schema, value, place: `${place}[${index}]`, correlation, below: correlation };
}

function checkLength(result: Outcome, { schema, place }: Task, items: readonly unknown[]): void {
  const { minItems, maxItems } = schema.props;
  if (minItems !== undefined && items.length < minItems) {
    result.add(fieldFault(place, `${place} in body should have at least ${minItems} items`, items.length));
  }
  if (maxItems !== undefined && items.length > maxItems) {
    const message = `${place} in body should have at most ${maxItems} items`;
    result.add({ message, error: tooMany(place, items.length, maxItems) });
  }
  result.matches += 2;
}

function checkSize(result: Outcome, { schema, place }: Task, value: Readonly<Record<string, unknown>>): void {
  const { minProperties, maxProperties } = schema.props;
  if (minProperties === undefined && maxProperties === undefined) return;
  const size = Object.keys(value).length;
  if (minProperties !== undefined && size < minProperties) {
    result.add(fieldFault(place, `${place} in body should have at least ${minProperties} properties`, size));
  }
  if (maxProperties !== undefined && size > maxProperties) {
    const message = `${place} in body should have at most ${maxProperties} properties`;
    result.add({ message, error: tooMany(place, size, maxProperties) });
  }
}

/** Undefined where the schema has nothing to say of the member, or says that it should not be there. */
function memberOf(
  result: Outcome,
  { schema, place, below }: Task,
  value: Readonly<Record<string, unknown>>,
  name: string,
): Task | undefined {
  const field = schema.field(name);
  if (field === undefined && schema.props.additionalProperties === false) {
    result.add(fieldFault(place, `${place}.${name} in body is a forbidden property`, name));
    return undefined;
  }
  const node = field ?? schema.values;
  if (node === undefined) return undefined;
  const isType = place === "" && (name === "apiVersion" || name === "kind");
  const correlation = isType ? undefined : below?.key(name);
  const where = field !== undefined && place === "" ? name : `${place}.${name}`;
  return { schema: node, value: value[name], place: where, correlation, below: correlation };
}

function checkRequired(
  result: Outcome,
  { schema, place }: Task,
  value: Readonly<Record<string, unknown>>,
): void {
  const { required: names = [] } = schema.props;
  for (const name of names) {
    if (Object.hasOwn(value, name)) continue;
    const where = `${place}.${name}`;
    result.add({ message: `${where} in body is required`, error: required(where) });
  }
  result.matches++;
}
