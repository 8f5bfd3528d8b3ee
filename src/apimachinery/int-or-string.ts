import { newBadRequest } from "./status.ts";

/** A count, or a share of a total: `3` or `"25%"`. */
export type IntOrString = number | string;

/**
 * The count that a value stands for. A percentage of the total is rounded up or down to a whole number.
 * Throws StatusError 400 for a string that is no percentage (k8s.io/apimachinery/pkg/util/intstr).
 */
export function resolveIntOrPercent(value: IntOrString, total: number, roundUp: boolean): number {
  if (typeof value === "number") return value;
  const percent = parsePercent(value);
  if (percent === undefined) {
    throw newBadRequest(`invalid value for IntOrString: invalid type: string is not a percentage`);
  }
  const exact = (percent * total) / 100;
  return roundUp ? Math.ceil(exact) : Math.floor(exact);
}

/** 25 for `"25%"`, undefined for anything else. */
export function parsePercent(value: IntOrString): number | undefined {
  if (typeof value !== "string") return undefined;
  const digits = /^([+-]?[0-9]+)%$/.exec(value)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
