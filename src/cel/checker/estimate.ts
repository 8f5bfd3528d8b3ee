import { listCost, mapCost, structCost } from "../eval/call-cost.ts";
import { costSize } from "../eval/equality.ts";
import type { CallExpr, ComprehensionExpr, Expr } from "../parser/ast.ts";
import { accumulator } from "../parser/ast.ts";
import { type CelKind, type CelType, dynType } from "../types.ts";
import { type CallEstimate, type EstimatedNode, estimateCall } from "./estimate-call.ts";
import { type Bounds, either, fixed, nothing, plus, times, unbounded, unknownSize } from "./size.ts";

/**
 * What an expression can cost at least and at most, by the bounds that the schema sets. Mirrors checker/cost.go of
 * cel-go: every expression has a cost, maybe a size, and for containers the sizes of their entries; a path from the root
 * says which part of the schema it is.
 */
export function estimateCost(expr: Expr, root: CelType | undefined): Bounds {
  return new Estimator(root).cost(expr);
}

/** What the entries of a list or map are bounded by. */
interface EntrySizes {
  readonly container: CelKind;
  readonly key: Bounds;
  readonly value: Bounds;
}

interface Local {
  readonly path: Path;
  readonly size: Bounds | undefined;
  readonly entries: EntrySizes | undefined;
}

type Path = readonly string[];

class Estimator {
  readonly #root: CelType | undefined;
  readonly #paths = new Map<Expr, Path>();
  readonly #sizes = new Map<Expr, Bounds>();
  readonly #entries = new Map<Expr, EntrySizes>();
  readonly #locals = new Map<string, Local[]>();

  constructor(root: CelType | undefined) {
    this.#root = root;
  }

  cost(expr: Expr): Bounds {
    switch (expr.kind) {
      case "literal":
      case "unspecified":
        return nothing;
      case "ident":
        this.#paths.set(expr, this.#local(expr.name)?.path ?? [expr.target?.name ?? expr.name]);
        return fixed(1);
      case "select":
        return this.#select(expr);
      case "call":
        return this.#call(expr);
      case "list":
        return this.#list(expr);
      case "map":
        return this.#map(expr);
      case "struct":
        return plus(...expr.fields.map(({ value }) => this.cost(value)), fixed(structCost));
      case "comprehension":
        return isBind(expr) ? this.#bind(expr) : this.#comprehension(expr);
    }
  }

  #select(expr: Extract<Expr, { kind: "select" }>): Bounds {
    if (expr.target !== undefined) {
      // A declared name with dots in it.
      this.#paths.set(expr, [expr.target.name]);
      return fixed(1);
    }
    const operand = this.cost(expr.operand);
    if (expr.testOnly) return operand;
    const kind = expr.operand.type?.kind;
    this.#paths.set(expr, [...this.#path(expr.operand), expr.field]);
    return kind === "map" || kind === "struct" || kind === "typeParam" ? plus(operand, fixed(1)) : operand;
  }

  #list(expr: Extract<Expr, { kind: "list" }>): Bounds {
    const costs = expr.elements.map((element) => this.cost(element));
    const value = unionOf(expr.elements.map((element) => this.#sizeOrUnknown(element)));
    this.#entries.set(expr, { container: "list", key: fixed(1), value });
    return plus(...costs, fixed(listCost));
  }

  #map(expr: Extract<Expr, { kind: "map" }>): Bounds {
    const costs = expr.entries.flatMap(({ key, value }) => [this.cost(key), this.cost(value)]);
    const key = unionOf(expr.entries.map((entry) => this.#sizeOrUnknown(entry.key)));
    const value = unionOf(expr.entries.map((entry) => this.#sizeOrUnknown(entry.value)));
    this.#entries.set(expr, { container: "map", key, value });
    return plus(...costs, fixed(mapCost));
  }

  // -- comprehensions --------------------------------------------------------------------------------------------

  #comprehension(expr: ComprehensionExpr): Bounds {
    const rangeCost = this.cost(expr.range);
    const initCost = this.cost(expr.accuInit);
    this.#push(expr.accuVar, this.#localOf(expr.accuInit));
    if (expr.iterVar2 === undefined) {
      this.#push(expr.iterVar, this.#iteration(expr.range, "single"));
    } else {
      this.#push(expr.iterVar, this.#iteration(expr.range, "key"));
      this.#push(expr.iterVar2, this.#iteration(expr.range, "value"));
    }
    const loopCost = this.cost(expr.condition);
    const stepCost = this.cost(expr.step);
    this.#pop(expr.iterVar);
    if (expr.iterVar2 !== undefined) this.#pop(expr.iterVar2);
    const resultCost = this.cost(expr.result);
    this.#pop(expr.accuVar);
    const rounds = this.#sizeOrUnknown(expr.range);
    this.#sizeOfResult(expr, rounds);
    return plus(rangeCost, initCost, resultCost, times(rounds, plus(stepCost, loopCost)));
  }

  /** A fold gives a scalar, or a container with as many entries as the range at most. */
  #sizeOfResult(expr: ComprehensionExpr, rounds: Bounds): void {
    const { kind } = expr.accuInit;
    if (kind === "literal") this.#setSize(expr, this.#size(expr.accuInit));
    if (kind !== "list" && kind !== "map") return;
    this.#setSize(expr, rounds);
    const entries = this.#entrySizes(expr.step);
    if (entries !== undefined) this.#entries.set(expr, entries);
  }

  #iteration(range: Expr, which: "single" | "key" | "value"): Local {
    const entries = this.#entrySizes(range);
    const isList = (entries?.container ?? range.type?.kind) === "list";
    const path = this.#path(range);
    if (which === "key") return local([...path, isList ? "@indices" : "@keys"], entries?.key);
    if (which === "value" || isList) return local([...path, isList ? "@items" : "@values"], entries?.value);
    return local([...path, "@keys"], entries?.key);
  }

  #bind(expr: ComprehensionExpr): Bounds {
    const rangeCost = this.cost(expr.range);
    const initCost = this.cost(expr.accuInit);
    this.#push(expr.accuVar, this.#localOf(expr.accuInit));
    const resultCost = this.cost(expr.result);
    this.#copySizes(expr, expr.result);
    this.#pop(expr.accuVar);
    return plus(rangeCost, initCost, resultCost);
  }

  #localOf(init: Expr): Local {
    return { path: this.#path(init), size: this.#size(init), entries: this.#entrySizes(init) };
  }

  #push(name: string, value: Local): void {
    this.#locals.set(name, [...(this.#locals.get(name) ?? []), value]);
  }

  #pop(name: string): void {
    this.#locals.get(name)?.pop();
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  // -- calls -----------------------------------------------------------------------------------------------------

  #call(expr: CallExpr): Bounds {
    const { args, target } = expr;
    const [first] = args;
    if (expr.name === "dyn" && first !== undefined) {
      const argCost = this.cost(first);
      this.#copySizes(expr, first);
      return plus(fixed(1), argCost);
    }
    const argCosts: Bounds[] = [];
    const nodes: EstimatedNode[] = [];
    for (const arg of args) {
      argCosts.push(this.cost(arg));
      nodes.push(this.#node(arg));
    }
    const overloads = expr.overloads ?? [];
    if (overloads.length === 0) return nothing;
    const targetCost = target === undefined ? nothing : this.cost(target);
    const targetNode = target && this.#node(target);
    let cost: Bounds = { min: unbounded, max: 0 };
    let size: Bounds | undefined;
    for (const overload of overloads) {
      const estimate = this.#overload(expr, overload, targetNode, nodes, argCosts);
      cost = either(cost, estimate.cost);
      if (estimate.size !== undefined)
        size = size === undefined ? estimate.size : either(size, estimate.size);
      if (first !== undefined && (overload === "index_list" || overload === "index_map")) {
        size = this.#entrySizes(first)?.value;
        this.#paths.set(expr, [...this.#path(first), overload === "index_list" ? "@items" : "@values"]);
      }
      size ??= this.#size(expr);
    }
    this.#setSize(expr, size);
    return plus(targetCost, cost);
  }

  #overload(
    expr: CallExpr,
    overload: string,
    target: EstimatedNode | undefined,
    args: readonly EstimatedNode[],
    argCosts: readonly Bounds[],
  ): CallEstimate {
    const lengths = { sizeOf: (node: EstimatedNode) => this.#nodeSize(node) };
    const known = estimateCall(expr.name, overload, target, args, lengths);
    if (known !== undefined) return { ...known, cost: plus(known.cost, ...argCosts) };
    const [left = nothing, right = nothing, third = nothing] = argCosts;
    const [a, b, c] = args;
    switch (overload) {
      case "logical_and":
      case "logical_or":
        return { cost: { min: left.min, max: plus(left, right).max } };
      case "conditional": {
        if (b === undefined || c === undefined) break;
        const entries = this.#unionEntries(b.expr, c.expr);
        if (entries !== undefined) this.#entries.set(expr, entries);
        const size = either(b.size ?? unknownSize, c.size ?? unknownSize);
        return { cost: plus(left, either(right, third)), size };
      }
      case "add_list":
      case "add_string":
      case "add_bytes": {
        if (a === undefined || b === undefined) break;
        const size = plus(a.size ?? unknownSize, b.size ?? unknownSize);
        const entries = this.#unionEntries(a.expr, b.expr);
        if (entries !== undefined) this.#entries.set(expr, entries);
        const own = overload === "add_list" ? fixed(1) : scaledByCharacters(size);
        return { cost: plus(own, ...argCosts), size };
      }
    }
    return { cost: plus(fixed(1), ...argCosts) };
  }

  #unionEntries(a: Expr | undefined, b: Expr | undefined): EntrySizes | undefined {
    const first = a && this.#entrySizes(a);
    const second = b && this.#entrySizes(b);
    if (first === undefined || second === undefined) return undefined;
    return {
      container: first.container,
      key: either(first.key, second.key),
      value: either(first.value, second.value),
    };
  }

  // -- sizes and paths -------------------------------------------------------------------------------------------

  #node(expr: Expr): EstimatedNode {
    const path = this.#path(expr);
    return {
      // Paths begin at variables; an accumulator is none.
      path: path[0] === accumulator ? [] : path,
      type: expr.type ?? dynType,
      expr,
      size: this.#size(expr),
    };
  }

  #path(expr: Expr): Path {
    if (expr.kind === "ident") {
      const known = this.#local(expr.name);
      if (known !== undefined) return known.path;
    }
    return this.#paths.get(expr) ?? [];
  }

  #setSize(expr: Expr, size: Bounds | undefined): void {
    if (size !== undefined) this.#sizes.set(expr, size);
  }

  #copySizes(to: Expr, from: Expr): void {
    this.#setSize(to, this.#size(from));
    const entries = this.#entrySizes(from);
    if (entries !== undefined) this.#entries.set(to, entries);
  }

  #sizeOrUnknown(expr: Expr): Bounds {
    return this.#size(expr) ?? unknownSize;
  }

  #size(expr: Expr): Bounds | undefined {
    const known = this.#sizes.get(expr) ?? literalSize(expr);
    if (known !== undefined) return known;
    const bySchema = this.#schemaSize(this.#path(expr));
    if (bySchema !== undefined) {
      this.#sizes.set(expr, bySchema);
      return bySchema;
    }
    if (expr.type !== undefined && isScalar(expr.type)) return fixed(1);
    return expr.kind === "ident" ? this.#local(expr.name)?.size : undefined;
  }

  #nodeSize({ size, path }: EstimatedNode): Bounds {
    return size ?? this.#schemaSize(path) ?? unknownSize;
  }

  /** The bound that the schema sets at a path; the first part is the variable, whatever it is called. */
  #schemaSize(path: Path): Bounds | undefined {
    if (path.length === 0 || this.#root === undefined) return undefined;
    let type: CelType | undefined = this.#root;
    for (const name of path.slice(1)) {
      type = childType(type, name);
      if (type === undefined) return undefined;
    }
    const max = type.maxElements ?? 0;
    return { min: 0, max: max < 0 ? unbounded : max };
  }

  #entrySizes(expr: Expr): EntrySizes | undefined {
    const known = this.#entries.get(expr);
    if (known !== undefined) return known;
    return expr.kind === "ident" ? this.#local(expr.name)?.entries : undefined;
  }
}

function local(path: Path, size: Bounds | undefined): Local {
  return { path, size, entries: undefined };
}

/** Of nothing: what no size widens. */
function unionOf(sizes: readonly Bounds[]): Bounds {
  if (sizes.length === 0) return nothing;
  return sizes.reduce(either, { min: unbounded, max: 0 });
}

function scaledByCharacters(size: Bounds): Bounds {
  return { min: Math.ceil(size.min * 0.1), max: Math.ceil(size.max * 0.1) };
}

function childType(type: CelType, name: string): CelType | undefined {
  switch (name) {
    case "@items":
    case "@values":
      return type.kind === "list" ? type.params[0] : type.kind === "map" ? type.params[1] : undefined;
    case "@keys":
      return type.kind === "map" ? type.params[0] : undefined;
    default:
      return type.fields?.get(name)?.type;
  }
}

function literalSize(expr: Expr): Bounds | undefined {
  if (expr.kind === "literal") return fixed(costSize(expr.value));
  if (expr.kind === "list") return fixed(expr.elements.length);
  return expr.kind === "map" ? fixed(expr.entries.length) : undefined;
}

function isScalar(type: CelType): boolean {
  if (["bool", "double", "duration", "int", "timestamp", "uint"].includes(type.kind)) return true;
  const [inner] = type.params;
  return type.kind === "opaque" && type.name === "optional_type" && inner !== undefined && isScalar(inner);
}

/** A name for a value: a fold over nothing. */
function isBind({ range, condition }: ComprehensionExpr): boolean {
  return (
    range.kind === "list" &&
    range.elements.length === 0 &&
    condition.kind === "literal" &&
    condition.value === false
  );
}
