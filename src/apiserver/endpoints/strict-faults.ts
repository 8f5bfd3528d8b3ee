import type { ParsedJson } from "../../apimachinery/json-text.ts";
import type { RequestContext } from "../request-context.ts";

/** Members that a body gives twice, each form in its own words. YAML is walked for them only when someone asks. */
export type Duplicates =
  | ({ readonly format: "json" } & Omit<ParsedJson, "value" | "depth">)
  | { readonly format: "yaml"; lines(): string[] };

export const noDuplicates: Duplicates = { format: "json", duplicates: [] };

const yamlPrefix = "yaml: unmarshal errors:\n";

/**
 * What strict decoding says of a body, in its order. JSON is read once, so that faults come as they stand in the text,
 * and what lies below an unknown field is not looked at. YAML is searched for double keys first, all told in one error,
 * and then read as JSON whose members are sorted (mirrors k8s.io/apimachinery/pkg/runtime/serializer/json).
 */
export function strictFaults(duplicates: Duplicates, unknownFields: readonly string[]): readonly string[] {
  if (duplicates.format === "yaml") {
    const lines = duplicates.lines();
    const error = lines.length === 0 ? [] : [yamlPrefix + lines.map((line) => `  ${line}`).join("\n")];
    return [...error, ...unknownFields.toSorted(byPath)];
  }
  if (duplicates.duplicates.length === 0) return unknownFields;
  const unknownPaths = unknownFields.map(pathOf);
  const seen = duplicates.duplicates.filter((fault) => {
    const path = pathOf(fault);
    return !unknownPaths.some((unknown) => path === unknown || isBelow(path, unknown));
  });
  const { positions = new Map<string, number>() } = duplicates;
  const position = (fault: string): number => positions.get(fault) ?? 0;
  return [...unknownFields, ...seen].toSorted((a, b) => position(a) - position(b));
}

/**
 * The same of a custom resource, whose unknown fields are found after it was read, by its schema: first what is there twice,
 * also where nothing is known of it, then what metadata does not have, then the others by their names.
 */
export function customFaults(duplicates: Duplicates, unknownFields: readonly string[]): readonly string[] {
  return [...customDuplicates(duplicates), ...inOrderOfSchema(unknownFields)];
}

function customDuplicates(duplicates: Duplicates): readonly string[] {
  if (duplicates.format === "yaml") return strictFaults(duplicates, []);
  const { positions = new Map<string, number>() } = duplicates;
  const position = (fault: string): number => positions.get(fault) ?? 0;
  return duplicates.duplicates.toSorted((a, b) => position(a) - position(b));
}

/** Unknown fields of a custom resource as Kubernetes lists them. */
export function inOrderOfSchema(unknownFields: readonly string[]): readonly string[] {
  const rank = (fault: string): number => (isBelow(pathOf(fault), "metadata") ? 0 : 1);
  return unknownFields.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Headers cannot hold line breaks: each line of a YAML error is a warning of its own. */
export function addFaultWarnings(context: RequestContext, faults: readonly string[]): void {
  if (context.fieldValidation !== "Warn") return;
  for (const fault of faults) {
    const lines = fault.startsWith(yamlPrefix) ? fault.slice(yamlPrefix.length).split("\n") : [fault];
    for (const line of lines) context.addWarning(line.trim());
  }
}

/** `unknown field "spec.foo"` → `spec.foo`. */
const pathOf = (fault: string): string => fault.slice(fault.indexOf('"') + 1, -1);

const isBelow = (path: string, parent: string): boolean =>
  path.startsWith(parent) && (path[parent.length] === "." || path[parent.length] === "[");

/** Members of an object in the order of their names, items of a list in theirs. */
function byPath(a: string, b: string): number {
  const [left, right] = [stepsOf(a), stepsOf(b)];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [one = "", other = ""] = [left[index], right[index]];
    if (one === other) continue;
    const numbers = Number(one) - Number(other);
    if (!Number.isNaN(numbers)) return numbers;
    return one < other ? -1 : 1;
  }
  return left.length - right.length;
}

const stepsOf = (fault: string): string[] => pathOf(fault).split(/[.[\]]+/);
