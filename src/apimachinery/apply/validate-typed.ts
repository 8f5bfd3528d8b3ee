import { isObject } from "../json.ts";
import { formatFieldPath } from "./field-set.ts";
import {
  type ListType,
  type MapType,
  type MergeType,
  type ScalarType,
  shapeOf,
  stepOfItem,
} from "./merge-type.ts";

/**
 * What keeps a configuration from being applied, worded as structured-merge-diff words it: fields that the type does
 * not have, wrong types, list items without their key or with the same key. Empty when there is nothing.
 */
export function typedErrors(value: unknown, type: MergeType): string[] {
  const errors: string[] = [];
  validate(value, type, [], errors);
  return errors;
}

/** One error as it is, several as a list. */
export function joinTypedErrors(errors: readonly string[]): string {
  return errors.length === 1
    ? (errors[0] ?? "")
    : `errors:\n${errors.map((error) => `  ${error}`).join("\n")}`;
}

function validate(value: unknown, type: MergeType, path: string[], errors: string[]): void {
  if (value === null || value === undefined) return;
  const shape = shapeOf(type, value);
  if (shape.kind === "scalar") validateScalar(value, shape, path, errors);
  else if (shape.kind === "list") validateList(value, shape, path, errors);
  else validateMap(value, shape, path, errors);
}

function report(errors: string[], path: readonly string[], message: string): void {
  errors.push(path.length === 0 ? message : `${formatFieldPath(path)}: ${message}`);
}

/** How Go prints the wrapper around a value, as its syntax has it (`%#v`). */
const wrapped = (value: unknown): string => `&value.valueUnstructured{Value:${goSyntax(value)}}`;

/** The same for people (`%v`). */
const shown = (value: unknown): string => `&{${goText(value)}}`;

function goText(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (!isObject(value)) return String(value).replace("null", "<nil>");
  const keys = Object.keys(value).sort();
  return `map[${keys.map((key) => `${key}:${goText(value[key])}`).join(" ")}]`;
}

function goSyntax(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  if (!isObject(value)) return String(value);
  const members = Object.keys(value).map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`);
  return `map[string]interface {}{${members.join(", ")}}`;
}

function goTypeOf(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  if (typeof value === "bigint") return "int64";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}

function validateScalar(value: unknown, { scalar }: ScalarType, path: string[], errors: string[]): void {
  if (scalar === "number" && typeof value !== "number" && typeof value !== "bigint") {
    report(errors, path, `expected numeric (int or float), got ${goTypeOf(value)}`);
  } else if (scalar === "string" && typeof value !== "string") {
    report(errors, path, `expected string, got ${wrapped(value)}`);
  } else if (scalar === "boolean" && typeof value !== "boolean") {
    report(errors, path, `expected boolean, got ${shown(value)}`);
  } else if (scalar === "any" && typeof value === "object") {
    report(errors, path, `expected any scalar, got ${shown(value)}`);
  }
}

function validateList(value: unknown, type: ListType, path: string[], errors: string[]): void {
  if (!Array.isArray(value)) {
    report(errors, path, `expected list, got ${shown(value)}`);
    return;
  }
  const seen = new Set<string>();
  for (const [index, item] of (value as unknown[]).entries()) {
    const step = type.relationship === "atomic" ? `i:${index}` : stepOfItem(type, item);
    const missing = type.keys.find(
      (key) => isObject(item) && item[key] === undefined && type.keyDefaults[key] === undefined,
    );
    if (type.relationship === "map" && !isObject(item)) {
      report(errors, path, `element ${index}: associative list with keys may not have non-map elements`);
    } else if (step === undefined && missing !== undefined) {
      report(
        errors,
        path,
        `element ${index}: associative list with keys has an element that omits key field ${JSON.stringify(missing)} (and doesn't have default value)`,
      );
    } else if (step !== undefined && seen.has(step)) {
      report(errors, path, `duplicate entries for key ${formatFieldPath([step])}`);
    }
    if (step === undefined) continue;
    seen.add(step);
    path.push(step);
    validate(item, type.item(), path, errors);
    path.pop();
  }
}

function validateMap(value: unknown, type: MapType, path: string[], errors: string[]): void {
  if (!isObject(value)) {
    report(errors, path, `expected map, got ${shown(value)}`);
    return;
  }
  for (const key of Object.keys(value)) {
    path.push(`f:${key}`);
    const child = type.field(key) ?? type.values();
    if (child === undefined) report(errors, path, "field not declared in schema");
    else validate(value[key], child, path, errors);
    path.pop();
  }
}
