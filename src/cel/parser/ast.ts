import type { CelType } from "../types.ts";
import type { CelValue } from "../values.ts";

/**
 * An expression as a tree. The parser makes the nodes, the checker writes `type`, `overloads` and what a name stands
 * for into them, the planner only reads. `offset` is the place in the text that messages point at.
 */
export type Expr =
  | LiteralExpr
  | IdentExpr
  | SelectExpr
  | CallExpr
  | ListExpr
  | MapExpr
  | StructExpr
  | ComprehensionExpr
  | UnspecifiedExpr;

interface Node {
  readonly offset: number;
  /** Set by the checker. */
  type?: CelType;
}

export interface LiteralExpr extends Node {
  readonly kind: "literal";
  readonly value: CelValue;
}

/** A name as written; the checker also turns `a.b.c` into one of these when that is a declared variable. */
export interface IdentExpr extends Node {
  readonly kind: "ident";
  readonly name: string;
  /** Set by the checker: the variable, or the type, that the name stands for. */
  target?: { readonly name: string; readonly value?: CelValue };
}

export interface SelectExpr extends Node {
  readonly kind: "select";
  readonly operand: Expr;
  readonly field: string;
  /** Made by has(): asks whether the field is there. */
  readonly testOnly: boolean;
  /** Set by the checker when the whole chain is one declared name. */
  target?: { readonly name: string; readonly value?: CelValue };
}

export interface CallExpr extends Node {
  readonly kind: "call";
  /** The checker replaces it with the qualified name when the target turns out to be a namespace. */
  name: string;
  target: Expr | undefined;
  readonly args: readonly Expr[];
  /** Set by the checker: identifiers of the overloads that fit. */
  overloads?: readonly string[];
}

export interface ListExpr extends Node {
  readonly kind: "list";
  readonly elements: readonly Expr[];
  /** Elements written with `?`. */
  readonly optionals: ReadonlySet<number>;
}

export interface MapExpr extends Node {
  readonly kind: "map";
  readonly entries: readonly MapEntry[];
}

export interface MapEntry {
  readonly offset: number;
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}

export interface StructExpr extends Node {
  readonly kind: "struct";
  name: string;
  readonly fields: readonly StructField[];
}

export interface StructField {
  readonly offset: number;
  readonly name: string;
  readonly value: Expr;
  readonly optional: boolean;
}

/** What the macros all, exists, map … turn into: a fold over a list or the keys of a map. */
export interface ComprehensionExpr extends Node {
  readonly kind: "comprehension";
  readonly range: Expr;
  readonly iterVar: string;
  /** Of macros with two variables: the value, or the element of a list. */
  readonly iterVar2: string | undefined;
  readonly accuVar: string;
  readonly accuInit: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

/** What could not be parsed; the issue has been reported. */
export interface UnspecifiedExpr extends Node {
  readonly kind: "unspecified";
}

/** The name of the accumulator in comprehensions: no expression can write it. */
export const accumulator = "@result";

/** A copy without what the checker wrote: a macro that uses its target twice needs two. */
export function copyExpr(expr: Expr): Expr {
  switch (expr.kind) {
    case "literal":
    case "unspecified":
      return { ...expr };
    case "ident":
      return { ...expr };
    case "select":
      return { ...expr, operand: copyExpr(expr.operand) };
    case "call":
      return { ...expr, target: expr.target && copyExpr(expr.target), args: expr.args.map(copyExpr) };
    case "list":
      return { ...expr, elements: expr.elements.map(copyExpr) };
    case "map":
      return {
        ...expr,
        entries: expr.entries.map((entry) => ({
          ...entry,
          key: copyExpr(entry.key),
          value: copyExpr(entry.value),
        })),
      };
    case "struct":
      return { ...expr, fields: expr.fields.map((field) => ({ ...field, value: copyExpr(field.value) })) };
    case "comprehension":
      return {
        ...expr,
        range: copyExpr(expr.range),
        accuInit: copyExpr(expr.accuInit),
        condition: copyExpr(expr.condition),
        step: copyExpr(expr.step),
        result: copyExpr(expr.result),
      };
  }
}
