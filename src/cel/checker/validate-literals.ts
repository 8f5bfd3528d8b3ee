import { toDuration, toTimestamp } from "../eval/convert.ts";
import { compileRegex } from "../library/regex.ts";
import type { CallExpr, Expr } from "../parser/ast.ts";
import { children } from "../parser/children.ts";
import type { Issues } from "../source.ts";
import { CelErr, type CelValue } from "../values.ts";

/** Literals that the expression converts must be convertible: durations, moments, regular expressions. */
export function validateLiterals(expr: Expr, issues: Issues): void {
  if (expr.kind === "call") validateCall(expr, issues);
  for (const child of children(expr)) validateLiterals(child, issues);
}

const checks: Readonly<Record<string, (value: CelValue) => CelValue>> = {
  duration: toDuration,
  timestamp: toTimestamp,
  matches: (value) => {
    const regex = typeof value === "string" ? compileRegex(value) : undefined;
    return regex instanceof CelErr ? regex : null;
  },
};

function validateCall({ name, args }: CallExpr, issues: Issues): void {
  const [arg] = args;
  const convert = Object.hasOwn(checks, name) ? checks[name] : undefined;
  if (convert === undefined || arg?.kind !== "literal") return;
  if (convert(arg.value) instanceof CelErr) issues.add(arg.offset, `invalid ${name} argument`);
}
