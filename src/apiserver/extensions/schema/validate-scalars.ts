import { notSupported, tooLong } from "../../../apimachinery/field-error.ts";
import { deepEqual } from "../../../apimachinery/json.ts";
import { fieldFault, Outcome } from "./outcome.ts";
import { compilePattern } from "./pattern.ts";
import type { SchemaNode } from "./schema-node.ts";

/** Numbers beyond 64 bits are no integers, as Go reads them; bigints are within. */
export const isInteger = (value: number | bigint): boolean =>
  typeof value === "bigint" || (Number.isInteger(value) && Math.abs(value) < 2 ** 63);

export function checkEnum(result: Outcome, { props }: SchemaNode, value: unknown, place: string): void {
  const values = props.enum ?? [];
  if (values.length === 0 || values.some((each) => value !== null && deepEqual(each, value))) return;
  const shown = values.map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
  result.add({
    message: `${place} in body should be one of [${shown.join(" ")}]`,
    error: notSupported(place, value, shown),
  });
}

/** `isMatch` is what another thread has said of the pattern, where that takes long. */
export function checkString(
  result: Outcome,
  { props }: SchemaNode,
  value: string,
  place: string,
  isMatch?: boolean,
): void {
  const { maxLength, minLength, pattern = "" } = props;
  if (maxLength !== undefined && lengthOf(value) > maxLength) {
    const message = `${place} in body should be at most ${maxLength} chars long`;
    result.add({ message, error: tooLong(place, maxLength) });
  } else if (minLength !== undefined && lengthOf(value) < minLength) {
    result.add(fieldFault(place, `${place} in body should be at least ${minLength} chars long`, value));
  } else if (pattern !== "" && !(isMatch ?? compilePattern(pattern).test(value))) {
    result.add(fieldFault(place, `${place} in body should match '${pattern}'`, value));
  }
}

/** What the pattern of the schema says of a text, where that takes long and is to be waited for. */
export function longMatch({ props }: SchemaNode, value: unknown): Promise<boolean> | undefined {
  const { pattern = "", maxLength } = props;
  if (typeof value !== "string" || pattern === "" || value.length <= longText) return undefined;
  // What is too long is not held against the pattern.
  if (maxLength !== undefined && lengthOf(value) > maxLength) return undefined;
  const compiled = compilePattern(pattern);
  return compiled.isLong(value) ? compiled.testElsewhere(value) : undefined;
}

const longText = 4096;

/** In characters as people count them. */
function lengthOf(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0xd800 && code < 0xdc00) length--;
  }
  return length;
}

/** Bounds are numbers with a fraction; Go compares whole numbers with the whole part of them. */
export function checkNumber(
  result: Outcome,
  { props }: SchemaNode,
  types: readonly string[],
  format: string,
  value: number | bigint,
  place: string,
): void {
  const type = types.length === 1 ? (types[0] ?? "") : "";
  const isOfType = (number: number | bigint, what: string): boolean => {
    const message = rangeFault(number, type, format, what, place);
    if (message !== undefined) result.add({ message });
    return message === undefined;
  };
  isOfType(value, "Checked");
  const { multipleOf, maximum, exclusiveMaximum, minimum, exclusiveMinimum } = props;
  if (multipleOf !== undefined) {
    const isWhole = isOfType(multipleOf, "MultipleOf") && isInteger(value);
    const factor = isWhole ? Math.trunc(multipleOf) : multipleOf;
    if (factor <= 0) {
      const message = `factor MultipleOf declared for ${place} must be positive: ${goNumber(factor)}`;
      result.add(fieldFault(place, message, factor));
    } else if (!isMultiple(value, factor)) {
      result.add(fieldFault(place, `${place} in body should be a multiple of ${goNumber(factor)}`, value));
    }
  }
  if (minimum !== undefined) {
    const isWhole = isOfType(minimum, "Minimum boundary") && isInteger(value);
    const bound = isWhole ? Math.trunc(minimum) : minimum;
    const than = exclusiveMinimum === true ? "greater than" : "greater than or equal to";
    if (exclusiveMinimum === true ? value <= bound : value < bound) {
      result.add(fieldFault(place, `${place} in body should be ${than} ${goNumber(bound)}`, value));
    }
  }
  if (maximum !== undefined) {
    const isWhole = isOfType(maximum, "Maximum boundary") && isInteger(value);
    const bound = isWhole ? Math.trunc(maximum) : maximum;
    const than = exclusiveMaximum === true ? "less than" : "less than or equal to";
    if (exclusiveMaximum === true ? value >= bound : value > bound) {
      result.add(fieldFault(place, `${place} in body should be ${than} ${goNumber(bound)}`, value));
    }
  }
}

function isMultiple(value: number | bigint, factor: number): boolean {
  if (typeof value === "bigint")
    return Number.isInteger(factor) ? value % BigInt(factor) === 0n : isMultiple(Number(value), factor);
  const times = factor < 1 ? (1 / factor) * value : value / factor;
  return Number.isInteger(times) || Math.abs(times - Math.round(times)) < 1e-9;
}

const int32 = 2 ** 31;

function rangeFault(
  value: number | bigint,
  type: string,
  format: string,
  what: string,
  place: string,
): string | undefined {
  const isWithin =
    type === "integer"
      ? isInteger(value) && (format !== "int32" || (value >= -int32 && value < int32))
      : format !== "float" || Math.abs(Number(value)) <= 3.4028234663852886e38;
  if (isWithin) return undefined;
  const how = format === "" ? "(default format)" : `with format ${format}`;
  return `${what} value must be of type ${type} ${how} in ${place}`;
}

/** As Go's %v prints a float64. */
function goNumber(value: number): string {
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 21) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
