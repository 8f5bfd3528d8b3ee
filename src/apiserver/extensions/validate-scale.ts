import type { CustomResourceSubresourceScale } from "../../api/types/apiextensions-v1.ts";
import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { goValue } from "../../apimachinery/go-value.ts";
import { isObject } from "../../apimachinery/json.ts";
import { newInternalError } from "../../apimachinery/status.ts";

export type ScaleFields = CustomResourceSubresourceScale;

/** `.spec.replicas` → its steps. */
export const stepsOf = (path: string): string[] => path.replace(/^\./, "").split(".");

/** The value at the path; undefined when it is absent. Throws the words of Go for what is in the way. */
export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  const steps = stepsOf(path);
  for (const [index, step] of steps.entries()) {
    if (value === undefined || value === null) return undefined;
    if (!isObject(value))
      throw new Error(wrongType(steps.slice(0, index + 1), value, "map[string]interface{}"));
    value = value[step];
  }
  return value ?? undefined;
}

/** The number at the path, 0 when it is absent. */
export function numberAt(object: unknown, path: string): number {
  const value = valueAt(object, path);
  if (value === undefined) return 0;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new Error(wrongType(stepsOf(path), value, "int64"));
}

/** The text at the path, "" when it is absent. */
export function textAt(object: unknown, path: string): string {
  const value = valueAt(object, path);
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  throw new Error(wrongType(stepsOf(path), value, "string"));
}

function wrongType(steps: readonly string[], value: unknown, expected: string): string {
  return `.${steps.join(".")} accessor error: ${goValue(value)} is of the type ${goTypeOf(value)}, expected ${expected}`;
}

function goTypeOf(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}

const maxReplicas = 2 ** 31 - 1;

/** What makes it impossible to show the object as a Scale. */
export function scaleErrors(
  object: unknown,
  scale: ScaleFields | undefined,
  parts: readonly ("spec" | "status")[],
): FieldError[] {
  if (scale === undefined) return [];
  const errors: FieldError[] = [];
  if (parts.includes("spec")) errors.push(...replicaErrors(object, scale.specReplicasPath));
  if (parts.includes("status")) {
    errors.push(...replicaErrors(object, scale.statusReplicasPath));
    const { labelSelectorPath = "" } = scale;
    if (labelSelectorPath !== "")
      errors.push(...failing(labelSelectorPath, "", () => textAt(object, labelSelectorPath)));
  }
  return errors;
}

function replicaErrors(object: unknown, path: string): FieldError[] {
  let replicas = 0;
  const wrong = failing(path, 0, () => {
    replicas = numberAt(object, path);
  });
  if (wrong.length > 0) return wrong;
  if (replicas < 0) return [invalid(path, replicas, "should be a non-negative integer")];
  if (replicas <= maxReplicas) return [];
  return [invalid(path, replicas, `should be less than or equal to ${maxReplicas}`)];
}

function failing(path: string, zero: unknown, read: () => unknown): FieldError[] {
  try {
    read();
    return [];
  } catch (error) {
    return [invalid(path, zero, error instanceof Error ? error.message : String(newInternalError(error)))];
  }
}
