import { applyFormat, type Clause, clauseProblems, FormatProblem } from "../library/text-format.ts";
import type { CallExpr, Expr } from "../parser/ast.ts";
import type { Issues } from "../source.ts";
import type { CelKind, CelType } from "../types.ts";

/** A constant format with a literal list of arguments: each clause must be one, and fit the type of its argument. */
export function validateFormat(call: CallExpr, issues: Issues): void {
  const { target, args, name } = call;
  const [list] = args;
  if (
    name !== "format" ||
    target?.kind !== "literal" ||
    typeof target.value !== "string" ||
    list?.kind !== "list"
  ) {
    return;
  }
  const { elements } = list;
  let seen = 0;
  const result = applyFormat(target.value, {
    count: elements.length,
    endFirst: true,
    apply: (clause, index) => {
      seen++;
      const element = elements[index];
      const bad = element && badArgument(clause, element);
      return bad === undefined
        ? ""
        : new FormatProblem(`${clauseProblems[clause.letter]}, was given ${bad.type?.name}`, bad);
    },
  });
  if (result instanceof FormatProblem) {
    issues.add(isExpr(result.at) ? result.at.offset : call.offset, result.message);
  } else if (elements.length > seen) {
    const counts = `(expected ${seen}, got ${elements.length})`;
    issues.add(call.offset, `too many arguments supplied to string.format ${counts}`);
  }
}

function isExpr(value: unknown): value is Expr {
  return typeof value === "object" && value !== null && "offset" in value;
}

const takes: Readonly<Record<string, readonly CelKind[]>> = {
  d: ["int", "uint"],
  f: ["double", "string"],
  e: ["double", "string"],
  b: ["int", "uint", "bool"],
  x: ["int", "uint", "string", "bytes"],
  X: ["int", "uint", "string", "bytes"],
  o: ["int", "uint"],
};

const printable: readonly CelKind[] = [
  "list",
  "map",
  "int",
  "uint",
  "double",
  "bool",
  "string",
  "timestamp",
  "bytes",
  "duration",
  "type",
  "null_type",
];

/** The part of an argument that the clause cannot take. */
function badArgument({ letter }: Clause, expr: Expr): Expr | undefined {
  const kinds = takes[letter];
  if (kinds !== undefined) return isOneOf(expr.type, kinds) ? undefined : expr;
  if (!isOneOf(expr.type, printable)) return expr;
  const parts =
    expr.kind === "list"
      ? expr.elements
      : expr.kind === "map"
        ? expr.entries.flatMap(({ key, value }) => [key, value])
        : [];
  for (const part of parts) {
    const bad = badArgument({ letter, precision: undefined }, part);
    if (bad !== undefined) return bad;
  }
  return undefined;
}

function isOneOf(type: CelType | undefined, kinds: readonly CelKind[]): boolean {
  return type !== undefined && (type.kind === "dyn" || kinds.includes(type.kind));
}
