import { inSlices, type Rest } from "../apimachinery/in-slices.ts";
import { estimateCost } from "./checker/estimate.ts";
import { CelCostExceeded, CelEvaluationError, CelPending } from "./errors.ts";
import { CostLimit, type Evaluator, Frame } from "./eval/frame.ts";
import { fromJson } from "./eval/json.ts";
import { beginPart, Level, PartOver, spent } from "./eval/resumption.ts";
import { beginWork, type LongSearch, most } from "./eval/work.ts";
import { authorizerValue, type CelAuthorizer } from "./library/authorizer.ts";
import { LongSearches } from "./long-searches.ts";
import type { Expr } from "./parser/ast.ts";
import { children } from "./parser/children.ts";
import type { CelProgram, CostEstimate, EvaluateOptions, Evaluation, PartOptions } from "./program.ts";
import { type CelType, dynType, isOptional } from "./types.ts";
import { CelErr, CelOptional, type CelValue } from "./values.ts";

/** Kubernetes' limit for one call, in cost units. */
const perCallLimit = 1_000_000;

/** What is done at once before others are thought of: some milliseconds' worth. */
const briefCost = 100_000;
const briefWork = 1_000_000;
const partUnits = 100_000;

/** The evaluation of an expression, for as long as that is brief, and the one that can rest, made when it is needed. */
interface Evaluators {
  readonly atOnce: Evaluator;
  readonly inParts: () => Evaluator;
}

export class CompiledProgram implements CelProgram {
  readonly source: string;
  readonly outputType: CelType;
  readonly #expr: Expr;
  readonly #evaluate: Evaluator;
  readonly #planInParts: () => Evaluator;
  #resumable: Evaluator | undefined;
  readonly #names: readonly string[];
  readonly #types: readonly CelType[];
  #reads: Reads | undefined;

  constructor(
    source: string,
    expr: Expr,
    { atOnce, inParts }: Evaluators,
    variables: Readonly<Record<string, CelType>>,
  ) {
    this.source = source;
    this.outputType = expr.type ?? dynType;
    this.#expr = expr;
    this.#evaluate = atOnce;
    this.#planInParts = inParts;
    this.#names = Object.keys(variables);
    this.#types = Object.values(variables);
  }

  get variables(): ReadonlySet<string> {
    return this.#read().variables;
  }

  get fieldPaths(): ReadonlySet<string> {
    return this.#read().fieldPaths;
  }

  evaluate(variables: Readonly<Record<string, unknown>>, options: EvaluateOptions = {}): Evaluation {
    const frame = this.#frame(variables, options.costBudget ?? perCallLimit);
    beginWork();
    try {
      return evaluationOf(this.#evaluate(frame), frame);
    } catch (error) {
      if (error instanceof CostLimit) throw new CelCostExceeded(error.cost);
      throw error;
    }
  }

  evaluateBriefly(
    variables: Readonly<Record<string, unknown>>,
    { costBudget = perCallLimit }: EvaluateOptions = {},
  ): Evaluation | undefined {
    const frame = this.#frame(variables, Math.min(costBudget, briefCost));
    beginWork(briefWork, notNow);
    try {
      return evaluationOf(this.#evaluate(frame), frame);
    } catch (error) {
      // What ends it for good is found out in parts.
      if (error instanceof CostLimit || error instanceof PartOver) return undefined;
      throw error;
    }
  }

  *evaluateInParts(
    variables: Readonly<Record<string, unknown>>,
    { costBudget = perCallLimit, partUnits: units = partUnits }: PartOptions = {},
  ): Generator<Rest, Evaluation> {
    this.#resumable ??= this.#planInParts();
    const frame = this.#frame(variables, costBudget);
    const root = new Level();
    const searches = new LongSearches();
    let end = units;
    for (;;) {
      frame.level = root;
      frame.cost = 0;
      beginWork(most, searches.ask);
      beginPart(end);
      let over: PartOver;
      try {
        return evaluationOf(this.#resumable(frame), frame);
      } catch (error) {
        if (error instanceof CostLimit) throw new CelCostExceeded(error.cost);
        if (error instanceof CelPending) over = new PartOver(error.answer);
        else if (error instanceof PartOver) over = error;
        else throw error;
      }
      end = spent(frame) + units;
      yield over.until;
    }
  }

  async evaluateAsync(
    variables: Readonly<Record<string, unknown>>,
    options: EvaluateOptions = {},
  ): Promise<Evaluation> {
    const kept = this.#keepingAnswers(variables);
    for (;;) {
      try {
        return this.evaluateBriefly(kept, options) ?? (await inSlices(this.evaluateInParts(kept, options)));
      } catch (error) {
        if (!(error instanceof CelPending)) throw error;
        await error.answer;
      }
    }
  }

  #frame(variables: Readonly<Record<string, unknown>>, limit: number): Frame {
    return new Frame(limit, (index) => this.#variable(variables, index));
  }

  /**
   * Answers are kept with the variables' values, so every round gets one answer further. Costs count once. Most expressions
   * ask nobody, and evaluate what they are given as it is.
   */
  #keepingAnswers(variables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    let kept: Record<string, unknown> | undefined;
    for (const name of this.variables) {
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (!isAuthorizer(value)) continue;
      kept ??= { ...variables };
      kept[name] = authorizerValue(value);
    }
    return kept ?? variables;
  }

  estimateCost(root?: CelType): CostEstimate {
    return estimateCost(this.#expr, root);
  }

  #variable(variables: Readonly<Record<string, unknown>>, index: number): CelValue {
    const name = this.#names[index];
    if (name === undefined) return new CelErr("no such attribute(s)");
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    const data: unknown = typeof given === "function" ? given() : given;
    const type = this.#types[index];
    // Such a variable is always there, though it may hold nothing.
    if (type !== undefined && isOptional(type))
      return data === undefined ? CelOptional.none : new CelOptional(fromJson(data, type.params[0]));
    if (data === undefined) return new CelErr(`no such attribute(s): ${name}`);
    if (data instanceof CelErr) return data;
    if (isAuthorizer(data)) return authorizerValue(data);
    return fromJson(data, type);
  }

  #read(): Reads {
    if (this.#reads === undefined) {
      this.#reads = { variables: new Set(), fieldPaths: new Set() };
      collectReads(this.#expr, new Set(this.#names), this.#reads);
    }
    return this.#reads;
  }
}

/** A brief evaluation waits for nobody. */
const notNow: LongSearch = () => {
  throw new PartOver();
};

function evaluationOf(value: CelValue, frame: Frame): Evaluation {
  if (value instanceof CelErr) throw new CelEvaluationError(value.message, frame.cost);
  return { value, cost: frame.cost };
}

function isAuthorizer(value: unknown): value is CelAuthorizer {
  return (
    typeof value === "object" &&
    value !== null &&
    "authorize" in value &&
    typeof value.authorize === "function"
  );
}

interface Reads {
  readonly variables: Set<string>;
  readonly fieldPaths: Set<string>;
}

/** Names that comprehensions declare hide variables of the same name. */
function collectReads(expr: Expr, visible: ReadonlySet<string>, reads: Reads): void {
  const path = chain(expr);
  if (path !== undefined) {
    const name = path.split(".")[0] ?? "";
    if (visible.has(name)) {
      reads.variables.add(name);
      if (path !== name) reads.fieldPaths.add(path);
    }
    return;
  }
  if (expr.kind !== "comprehension") {
    for (const child of children(expr)) collectReads(child, visible, reads);
    return;
  }
  collectReads(expr.range, visible, reads);
  collectReads(expr.accuInit, visible, reads);
  const inner = new Set(visible);
  for (const name of [expr.iterVar, expr.iterVar2, expr.accuVar]) if (name !== undefined) inner.delete(name);
  for (const child of [expr.condition, expr.step, expr.result]) collectReads(child, inner, reads);
}

/** `a.b.c` of names only, also inside has() and with `?`. */
function chain(expr: Expr): string | undefined {
  if (expr.kind === "ident") return expr.target?.name ?? expr.name;
  if (expr.kind === "select") {
    const operand = chain(expr.operand);
    return operand === undefined ? undefined : `${operand}.${expr.field}`;
  }
  if (expr.kind !== "call" || expr.name !== "_?._") return undefined;
  const [operand, field] = expr.args;
  const base = operand && chain(operand);
  if (base === undefined || field?.kind !== "literal" || typeof field.value !== "string") return undefined;
  return `${base}.${field.value}`;
}
