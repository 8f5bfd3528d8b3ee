import { toDuration, toTimestamp } from "../eval/convert.ts";
import { compileRegex } from "../library/regex.ts";
import type { CallExpr, Expr, ListExpr, MapExpr } from "../parser/ast.ts";
import { children } from "../parser/children.ts";
import type { Issues } from "../source.ts";
import { type CelType, formatType, isOptional } from "../types.ts";
import { CelErr, type CelValue } from "../values.ts";
import { validateFormat } from "./validate-formats.ts";

/**
 * What is looked at after the types: literals that the expression converts must be convertible (durations, moments,
 * regular expressions, formats), and the elements of a list or map must be of one type. These are the validators of
 * cel-go that Kubernetes turns on.
 */
export function validateLiterals(expr: Expr, issues: Issues, options: LiteralOptions): void {
  visit(expr, issues, options.convertible, options.mixed);
}

export interface LiteralOptions {
  /** Conversions of literals are tried. */
  readonly convertible: boolean;
  /** Literals may hold elements of different types. */
  readonly mixed: boolean;
}

/** `mixed`: inside the arguments of `format`, whose elements may be of different types. */
function visit(expr: Expr, issues: Issues, convertible: boolean, mixed: boolean): void {
  if (expr.kind === "call" && convertible) validateCall(expr, issues);
  if (expr.kind === "list" && !mixed) validateList(expr, issues);
  if (expr.kind === "map" && !mixed) validateMap(expr, issues);
  const inner = mixed || (expr.kind === "call" && expr.name === "format");
  for (const child of children(expr)) visit(child, issues, convertible, inner);
}

const checks: Readonly<Record<string, (value: CelValue) => CelValue>> = {
  duration: toDuration,
  timestamp: toTimestamp,
  matches: (value) => {
    const regex = typeof value === "string" ? compileRegex(value) : undefined;
    return regex instanceof CelErr ? regex : null;
  },
};

function validateCall(call: CallExpr, issues: Issues): void {
  validateFormat(call, issues);
  const [arg] = call.args;
  const convert = Object.hasOwn(checks, call.name) ? checks[call.name] : undefined;
  if (convert === undefined || arg?.kind !== "literal") return;
  if (convert(arg.value) instanceof CelErr) issues.add(arg.offset, `invalid ${call.name} argument`);
}

function validateList({ elements, optionals }: ListExpr, issues: Issues): void {
  let wanted: CelType | undefined;
  for (const [index, element] of elements.entries()) {
    const type = elementType(element, optionals.has(index));
    wanted ??= type;
    if (wanted === undefined || type === undefined || equivalent(wanted, type)) continue;
    mismatch(element, wanted, type, issues);
    return;
  }
}

function validateMap({ entries }: MapExpr, issues: Issues): void {
  const [first] = entries;
  const keyType = first && elementType(first.key, false);
  const valueType = first && elementType(first.value, first.optional);
  for (const { key, value, optional } of entries.slice(1)) {
    for (const [expr, wanted, type] of [
      [key, keyType, elementType(key, false)],
      [value, valueType, elementType(value, optional)],
    ] as const) {
      if (wanted !== undefined && type !== undefined && !equivalent(wanted, type))
        mismatch(expr, wanted, type, issues);
    }
  }
}

function elementType({ type }: Expr, optional: boolean): CelType | undefined {
  return optional && type !== undefined && isOptional(type) ? type.params[0] : type;
}

function mismatch(expr: Expr, wanted: CelType, found: CelType, issues: Issues): void {
  issues.add(expr.offset, `expected type '${formatType(wanted)}' but found '${formatType(found)}'`);
}

/** The same type; what `type(x)` is of does not matter. */
function equivalent(a: CelType, b: CelType): boolean {
  if (a.kind !== b.kind || a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((param, index) => {
    const other = b.params[index];
    return other !== undefined && equivalent(param, other);
  });
}
