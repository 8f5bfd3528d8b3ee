import type { JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import { type FieldError, forbidden } from "../../../apimachinery/field-error.ts";

/** What one rule may cost at most by its estimate, and all rules of a schema together. */
export const ruleCostLimit = 10_000_000;
const schemaCostLimit = 100_000_000;

/** The largest request there is: bounds how often what has no bound of its own can occur. */
const maxRequestBytes = 3 * 1024 * 1024;
/** Costs are 64 bits wide. */
const maxCost = 2 ** 64;

/** How often something of the least size can occur in one object. */
export const maxOccurrences = (minSizeBytes: number): number =>
  Math.floor(maxRequestBytes / (minSizeBytes + 1));

export const multiplied = (cost: number, times: number): number =>
  cost === 0 ? 0 : Math.min(maxCost, cost * times);

/**
 * How often the children of a schema occur for each time that it does; undefined when nothing bounds it (mirrors
 * cel_validation.go of pkg/apis/apiextensions/validation).
 */
export function occurrencesBelow(schema: JSONSchemaProps): number | undefined {
  const { type, additionalProperties, maxProperties, maxItems } = schema;
  if (type === "object" && additionalProperties !== undefined) return bound(maxProperties);
  return type === "array" ? bound(maxItems) : 1;
}

const bound = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.max(0, value);

/** Adds up what the rules of a schema cost, and remembers the dearest. */
export class RuleCosts {
  #total = 0;
  #dearest: { readonly path: string; readonly cost: number }[] = [];

  add(path: string, cost: number): void {
    this.#total = Math.min(maxCost, this.#total + cost);
    if (cost < schemaCostLimit / 100) return;
    this.#dearest = [...this.#dearest, { path, cost }].sort((a, b) => b.cost - a.cost).slice(0, 4);
  }

  /** Nothing while the total is within its limit. */
  errors(path: string): FieldError[] {
    if (this.#total <= schemaCostLimit) return [];
    const why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
    const what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
    return [
      ...this.#dearest.map((each) => forbidden(each.path, why)),
      forbidden(path, costMessage(what, this.#total, schemaCostLimit)),
    ];
  }
}

export function costMessage(what: string, cost: number, limit: number): string {
  const times = cost / limit;
  const factor =
    times > 100 ? "more than 100x" : times < 1.5 ? `${times.toFixed(6)}x` : `${times.toFixed(1)}x`;
  return (
    `${what} exceeds budget by factor of ${factor} (try simplifying the rule, or adding maxItems, maxProperties, ` +
    "and maxLength where arrays, maps, and strings are declared)"
  );
}
