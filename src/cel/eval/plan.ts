import type { FunctionDeclaration, Implementation, Overload } from "../library/declare.ts";
import { compileRegex } from "../library/regex.ts";
import type {
  CallExpr,
  ComprehensionExpr,
  Expr,
  ListExpr,
  MapExpr,
  SelectExpr,
  StructExpr,
} from "../parser/ast.ts";
import { type CelType, isDyn } from "../types.ts";
import {
  ArrayList,
  CelErr,
  CelList,
  CelMap,
  CelOptional,
  type CelValue,
  GrowingList,
  HashMap,
} from "../values.ts";
import {
  type Attribute,
  ChainAttribute,
  ConditionalAttribute,
  evaluator,
  testEvaluator,
} from "./attribute.ts";
import { callCost, listCost, mapCost, structCost } from "./call-cost.ts";
import { loop } from "./comprehension.ts";
import { equals } from "./equality.ts";
import { type Evaluator, Frame } from "./frame.ts";
import { keeping, resumableLoop } from "./resumption.ts";
import { fitsType, runtimeTypeName } from "./runtime-type.ts";
import { showKey } from "./select.ts";

/** What the planner asks an environment for. */
export interface PlanContext {
  /** The index of a declared variable, as `Frame.global` takes it. */
  globalIndex(name: string): number;
  function(name: string): FunctionDeclaration | undefined;
  /** Makes a value of a struct type from its fields. */
  construct(type: CelType, fields: ReadonlyMap<string, CelValue>): CelValue;
}

/** A constant part of the expression cannot be evaluated: there is no program. */
export class PlanError extends Error {}

/**
 * A checked expression as closures. What is constant is computed now, and costs nothing later, as cel-go's optimizer
 * has it: literals, lists and maps of constants, conversions of them.
 */
export function plan(expr: Expr, context: PlanContext): Evaluator {
  return run(new Planner(context, false).plan(expr));
}

/** The same as closures that can rest between the rounds of loops: see resumption.ts. */
export function planResumable(expr: Expr, context: PlanContext): Evaluator {
  return run(new Planner(context, true).plan(expr));
}

/** A planned expression: a constant, something that can be read by steps, or any other. */
type Plan =
  | { readonly kind: "constant"; readonly value: CelValue }
  | { readonly kind: "attribute"; readonly attribute: Attribute }
  | { readonly kind: "test"; readonly attribute: Attribute }
  | { readonly kind: "other"; readonly evaluate: Evaluator };

function run(planned: Plan): Evaluator {
  switch (planned.kind) {
    case "constant": {
      const { value } = planned;
      return () => value;
    }
    case "attribute":
      return evaluator(planned.attribute);
    case "test":
      return testEvaluator(planned.attribute);
    case "other":
      return planned.evaluate;
  }
}

const constant = (value: CelValue): Plan => ({ kind: "constant", value });
const other = (evaluate: Evaluator): Plan => ({ kind: "other", evaluate });

const conversions = new Set([
  "bool",
  "bytes",
  "double",
  "duration",
  "dyn",
  "int",
  "string",
  "timestamp",
  "type",
  "uint",
]);

const noSuchOverload = new CelErr("no such overload");

class Planner {
  readonly #context: PlanContext;
  /** Slots of the comprehensions' variables that are visible, innermost last. */
  readonly #scopes: ReadonlyMap<string, Evaluator>[] = [];
  #slots = 0;
  readonly #isResumable: boolean;
  /** Places of the expression that a resumable evaluation knows again. */
  #places = 0;

  constructor(context: PlanContext, isResumable: boolean) {
    this.#context = context;
    this.#isResumable = isResumable;
  }

  plan(expr: Expr): Plan {
    switch (expr.kind) {
      case "literal":
        return constant(expr.value);
      case "ident":
        return this.#name(expr.target ?? { name: expr.name });
      case "select":
        return this.#select(expr);
      case "call":
        return this.#call(expr);
      case "list":
        return this.#list(expr);
      case "map":
        return this.#map(expr);
      case "struct":
        return this.#struct(expr);
      case "comprehension":
        return this.#comprehension(expr);
      case "unspecified":
        return other(() => noSuchOverload);
    }
  }

  #run(expr: Expr): Evaluator {
    return run(this.plan(expr));
  }

  #name({ name, value }: { name: string; value?: CelValue }): Plan {
    if (value !== undefined) return constant(value);
    return { kind: "attribute", attribute: new ChainAttribute(this.#read(name)) };
  }

  #read(name: string): Evaluator {
    for (let index = this.#scopes.length - 1; index >= 0; index--) {
      const local = this.#scopes[index]?.get(name);
      if (local !== undefined) return local;
    }
    const index = this.#context.globalIndex(name);
    return (frame) => frame.global(index);
  }

  #select(expr: SelectExpr): Plan {
    if (expr.target !== undefined) return this.#name(expr.target);
    const attribute = this.#attribute(expr.operand);
    attribute.add({ key: { constant: expr.field }, optional: false, testOnly: expr.testOnly });
    return { kind: expr.testOnly ? "test" : "attribute", attribute };
  }

  /** The expression as something that can be read by steps. */
  #attribute(expr: Expr): Attribute {
    return asAttribute(this.plan(expr));
  }

  // -- calls -----------------------------------------------------------------------------------------------------

  #call(expr: CallExpr): Plan {
    const args = expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    const [first, second, third] = args;
    switch (expr.name) {
      case "_&&_":
        return other(logical(this.#required(first), this.#required(second), false));
      case "_||_":
        return other(logical(this.#required(first), this.#required(second), true));
      case "_?_:_":
        return this.#conditional(first, second, third);
      case "_==_":
        return this.#kept(equality(this.#required(first), this.#required(second), true));
      case "_!=_":
        return this.#kept(equality(this.#required(first), this.#required(second), false));
      case "_[_]":
        return this.#index(first, second, false);
      case "_?._":
      case "_[?_]":
        return this.#index(first, second, true);
      case "@not_strictly_false":
        return other(notStrictlyFalse(this.#required(first)));
      case "or":
      case "orValue":
        if (this.#isOptionalOr(expr))
          return other(orElse(this.#required(first), this.#required(second), expr.name));
    }
    return this.#function(expr, args);
  }

  #required(expr: Expr | undefined): Evaluator {
    if (expr === undefined) throw new PlanError("no such overload");
    return this.#run(expr);
  }

  #isOptionalOr({ overloads = [] }: CallExpr): boolean {
    return overloads.length !== 1 || overloads[0]?.startsWith("optional_or") === true;
  }

  #conditional(condition?: Expr, yes?: Expr, no?: Expr): Plan {
    if (yes === undefined || no === undefined) throw new PlanError("no such overload");
    const attribute = new ConditionalAttribute(
      this.#required(condition),
      this.#attribute(yes),
      this.#attribute(no),
    );
    return { kind: "attribute", attribute };
  }

  #index(operand: Expr | undefined, index: Expr | undefined, optional: boolean): Plan {
    if (operand === undefined || index === undefined) throw new PlanError("no such overload");
    const attribute = this.#attribute(operand);
    const planned = this.plan(index);
    const key =
      planned.kind === "constant"
        ? { constant: planned.value }
        : // A chain that is only a key does not cost what a chain costs.
          { evaluate: asAttribute(planned).resolver() };
    attribute.add({ key, optional, testOnly: false });
    return { kind: "attribute", attribute };
  }

  #function(expr: CallExpr, exprs: readonly Expr[]): Plan {
    const declared = this.#context.function(expr.name);
    if (declared === undefined) throw new PlanError(`no such overload: ${expr.name}(...)`);
    const plans = exprs.map((arg) => this.plan(arg));
    const overload = expr.overloads?.length === 1 ? (expr.overloads[0] ?? "") : "";
    const call = implementationOf(declared, overload, exprs);
    const [only] = plans;
    if (plans.length === 1 && only?.kind === "constant" && conversions.has(expr.name)) {
      const value = call(only.value);
      if (value instanceof CelErr) throw new PlanError(value.message);
      return constant(value);
    }
    if (overload === "in_list" && plans[1]?.kind === "constant" && plans[0] !== undefined) {
      const member = membership(run(plans[0]), plans[1].value);
      if (member !== undefined) return member;
    }
    if (usesRegex.has(expr.name)) this.#compilePattern(plans[1]);
    const evaluators = plans.map(run);
    const cost = callCost(expr.name, overload);
    // Calls that go through a list of arguments end at the first error, and then cost only if it was the last.
    const byList =
      evaluators.length > 2 ||
      (overload === "" && declared.implementation === undefined) ||
      (usesRegex.has(expr.name) && plans[1]?.kind === "constant");
    return this.#kept((byList ? callWithList : callDirectly)(evaluators, call, cost));
  }

  /** A constant pattern is compiled now: a bad one is no program. */
  #compilePattern(pattern: Plan | undefined): void {
    if (pattern?.kind !== "constant" || typeof pattern.value !== "string") return;
    const regex = compileRegex(pattern.value);
    if (regex instanceof CelErr) throw new PlanError(regex.message);
  }

  // -- literals --------------------------------------------------------------------------------------------------

  #list(expr: ListExpr): Plan {
    const plans = expr.elements.map((element) => this.plan(element));
    const evaluators = plans.map(run);
    const { optionals } = expr;
    const make: Evaluator = (frame) => {
      const items: CelValue[] = [];
      for (const [index, evaluate] of evaluators.entries()) {
        const value = evaluate(frame);
        if (value instanceof CelErr) return value;
        if (!optionals.has(index)) items.push(value);
        else if (!(value instanceof CelOptional)) return badElement(value);
        else if (value.value !== undefined) items.push(value.value);
      }
      return new ArrayList(items);
    };
    return this.#literal(plans, make, listCost);
  }

  #map(expr: MapExpr): Plan {
    const keys = expr.entries.map(({ key }) => this.plan(key));
    const values = expr.entries.map(({ value }) => this.plan(value));
    const entries = expr.entries.map(({ optional }, index) => ({
      key: run(keys[index] ?? constant(null)),
      value: run(values[index] ?? constant(null)),
      optional,
    }));
    const make: Evaluator = (frame) => {
      const map = new HashMap();
      for (const { key, value, optional } of entries) {
        const keyValue = key(frame);
        if (keyValue instanceof CelErr) return keyValue;
        const failed = putEntry(keyValue, value(frame), optional, (entry) => {
          if (entry === undefined) map.delete(keyValue);
          else map.set(keyValue, entry);
        });
        if (failed !== undefined) return failed;
      }
      return map;
    };
    return this.#literal([...keys, ...values], make, mapCost);
  }

  /** What is made of constants only is made once. */
  #literal(parts: readonly Plan[], make: Evaluator, cost: number): Plan {
    if (parts.every(({ kind }) => kind === "constant")) {
      const value = make(noFrame);
      return value instanceof CelErr ? other(() => value) : constant(value);
    }
    return other((frame) => {
      const value = make(frame);
      frame.charge(cost);
      return value;
    });
  }

  #struct(expr: StructExpr): Plan {
    const { type } = expr;
    if (type === undefined) throw new PlanError(`unknown type: ${expr.name}`);
    const fields = expr.fields.map(({ name, value, optional }) => ({
      name,
      value: this.#run(value),
      optional,
    }));
    return other((frame) => {
      const values = new Map<string, CelValue>();
      for (const { name, value, optional } of fields) {
        const failed = putEntry(name, value(frame), optional, (entry) => {
          if (entry === undefined) values.delete(name);
          else values.set(name, entry);
        });
        if (failed !== undefined) {
          frame.charge(structCost);
          return failed;
        }
      }
      const made = this.#context.construct(type, values);
      frame.charge(structCost);
      return made;
    });
  }

  // -- comprehensions --------------------------------------------------------------------------------------------

  #comprehension(expr: ComprehensionExpr): Plan {
    const range = this.#run(expr.range);
    const init = this.#run(expr.accuInit);
    const accu = this.#slots++;
    const first = this.#slots++;
    const second = this.#slots++;
    // The accumulator is made when it is first read: what is bound and not used is not evaluated.
    const readAccu: Evaluator = (frame) => {
      const known = frame.locals[accu];
      if (known !== undefined) return known;
      const value = growing(init(frame));
      frame.locals[accu] = value;
      return value;
    };
    this.#scopes.push(new Map([[expr.accuVar, readAccu]]));
    const variables = new Map<string, Evaluator>([[expr.iterVar, (frame) => frame.locals[first] ?? null]]);
    if (expr.iterVar2 !== undefined) variables.set(expr.iterVar2, (frame) => frame.locals[second] ?? null);
    this.#scopes.push(variables);
    const condition = this.#run(expr.condition);
    const step = this.#run(expr.step);
    this.#scopes.pop();
    const result = this.#run(expr.result);
    this.#scopes.pop();
    const isTwo = expr.iterVar2 !== undefined;
    const each = { range, condition, step, result, accu, first, second, isTwo };
    return other(this.#isResumable ? resumableLoop(this.#places++, each) : loop(each));
  }

  /** What may take long is done once, where an evaluation goes the same way several times. */
  #kept(evaluate: Evaluator): Plan {
    return other(this.#isResumable ? keeping(this.#places++, evaluate) : evaluate);
  }
}

/** Constant parts are evaluated without a frame: they read nothing and cost nothing. */
const noFrame = new Frame(Infinity, () => noSuchOverload);

/** An empty list or map that a comprehension begins with grows in place; nobody else sees it. */
function growing(init: CelValue): CelValue {
  if (init instanceof CelList && init.size === 0) return new GrowingList();
  if (init instanceof CelMap && init.size === 0) return new HashMap();
  return init;
}

function asAttribute(planned: Plan): Attribute {
  if (planned.kind === "attribute" || planned.kind === "test") return planned.attribute;
  return new ChainAttribute(run(planned));
}

/** `&&` and `||`: an operand that decides absorbs an error of the other. */
function logical(left: Evaluator, right: Evaluator, decides: boolean): Evaluator {
  return (frame) => {
    const a = left(frame);
    if (a === decides) return decides;
    const b = right(frame);
    if (b === decides) return decides;
    if (typeof a !== "boolean") return a instanceof CelErr ? a : noSuchOverload;
    if (typeof b !== "boolean") return b instanceof CelErr ? b : noSuchOverload;
    return !decides;
  };
}

function equality(left: Evaluator, right: Evaluator, wanted: boolean): Evaluator {
  const cost = callCost(wanted ? "_==_" : "_!=_", wanted ? "equals" : "not_equals");
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    // Two numbers are the usual case, and cost one.
    frame.charge(typeof a === "number" ? 1 : cost([a, b], null));
    const result = a instanceof CelErr ? a : b instanceof CelErr ? b : equals(a, b);
    if (wanted || result === true) return wanted ? result : false;
    // Anything but equal is unequal, also what cannot be compared; operands that failed have failed.
    return a instanceof CelErr || b instanceof CelErr ? result : true;
  };
}

function notStrictlyFalse(operand: Evaluator): Evaluator {
  return (frame) => {
    const value = operand(frame);
    frame.charge(1);
    return typeof value === "boolean" ? value : true;
  };
}

/** `or` and `orValue` of optionals: the other side is evaluated only when there is no value. */
function orElse(left: Evaluator, right: Evaluator, name: string): Evaluator {
  return (frame) => {
    const value = left(frame);
    if (!(value instanceof CelOptional)) return value;
    if (value.value === undefined) return right(frame);
    return name === "or" ? value : value.value;
  };
}

const usesRegex = new Set(["matches", "find", "findAll"]);

function callDirectly(
  evaluators: readonly Evaluator[],
  call: Implementation,
  cost: ReturnType<typeof callCost>,
): Evaluator {
  const [first, second] = evaluators;
  const isEarly = isKnownBefore(cost);
  if (first === undefined) {
    return (frame) => {
      const result = call();
      frame.charge(cost([], result));
      return result;
    };
  }
  if (second === undefined) {
    return (frame) => {
      const a = first(frame);
      if (isEarly) frame.charge(cost([a], null));
      const result = a instanceof CelErr ? a : call(a);
      if (!isEarly) frame.charge(cost([a], result));
      return result;
    };
  }
  return (frame) => {
    const a = first(frame);
    const b = second(frame);
    if (isEarly) frame.charge(cost([a, b], null));
    const result = a instanceof CelErr ? a : b instanceof CelErr ? b : call(a, b);
    if (!isEarly) frame.charge(cost([a, b], result));
    return result;
  };
}

function callWithList(
  evaluators: readonly Evaluator[],
  call: Implementation,
  cost: ReturnType<typeof callCost>,
): Evaluator {
  const isEarly = isKnownBefore(cost);
  return (frame) => {
    const args: CelValue[] = [];
    for (const evaluate of evaluators) {
      const value = evaluate(frame);
      args.push(value);
      if (!(value instanceof CelErr)) continue;
      if (args.length === evaluators.length) frame.charge(cost(args, value));
      return value;
    }
    if (isEarly) frame.charge(cost(args, null));
    const result = call(...args);
    if (!isEarly) frame.charge(cost(args, result));
    return result;
  };
}

/** Most costs follow from the arguments: a call that costs too much is not made. */
const isKnownBefore = (cost: ReturnType<typeof callCost>): boolean => cost.length < 2;

/** The implementation of the overload, or the choice among all by the arguments' kinds. */
function implementationOf(
  declared: FunctionDeclaration,
  overload: string,
  args: readonly Expr[],
): Implementation {
  if (declared.implementation !== undefined) return declared.implementation;
  const single = declared.overloads.find(({ id }) => id === overload);
  if (single?.implementation === undefined) return dispatch(declared, args.length);
  const dynamic = args.some(({ type }) => type === undefined || isDyn(type));
  return dynamic ? guarded(declared.name, single) : single.implementation;
}

function guarded(name: string, overload: Overload): Implementation {
  const { implementation } = overload;
  return (...args) =>
    implementation === undefined || !accepts(overload, args)
      ? noOverload(name, args)
      : implementation(...args);
}

function dispatch(declared: FunctionDeclaration, count: number): Implementation {
  const candidates = declared.overloads.filter(({ args }) => args.length === count);
  return (...args) => {
    for (const overload of candidates) {
      if (overload.implementation !== undefined && accepts(overload, args))
        return overload.implementation(...args);
    }
    return noOverload(declared.name, args);
  };
}

function accepts({ args: types }: Overload, args: readonly CelValue[]): boolean {
  return types.every((type, index) => fitsType(args[index] ?? null, type));
}

function noOverload(name: string, args: readonly CelValue[]): CelErr {
  return new CelErr(`no such overload: ${name}(${args.map(runtimeTypeName).join(", ")})`);
}

/** `x in [constants]`: a set of them when all are plain; costs nothing but `x`. */
function membership(member: Evaluator, list: CelValue): Plan | undefined {
  if (!(list instanceof CelList)) return undefined;
  if (list.size === 0) return constant(false);
  const set = new HashMap();
  for (let index = 0; index < list.size; index++) {
    const value = list.at(index);
    if (value === null || value instanceof Uint8Array || !isPrimitive(value)) return undefined;
    set.set(value, true);
  }
  return other((frame) => {
    const value = member(frame);
    if (value instanceof CelErr) return value;
    return set.find(value) !== undefined;
  });
}

function isPrimitive(value: CelValue): boolean {
  return ["bool", "int", "uint", "double", "string"].includes(runtimeTypeName(value));
}

/** Puts an entry of a map or struct, which may be an optional one; gives what went wrong. */
function putEntry(
  key: CelValue,
  value: CelValue,
  optional: boolean,
  put: (value: CelValue | undefined) => void,
): CelErr | undefined {
  if (value instanceof CelErr) return value;
  if (!optional) put(value);
  else if (value instanceof CelOptional) put(value.value);
  else
    return new CelErr(
      `cannot initialize optional entry '${showKey(key)}' from non-optional value ${showKey(value)}`,
    );
  return undefined;
}

function badElement(value: CelValue): CelErr {
  return new CelErr(`cannot initialize optional list element from non-optional value ${showKey(value)}`);
}
