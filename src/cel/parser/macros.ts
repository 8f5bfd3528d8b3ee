import type { CelValue } from "../values.ts";
import { accumulator, copyExpr, type Expr, type MapEntry } from "./ast.ts";
import { macroKey } from "./macro-key.ts";

/** What a macro makes of its call: an expression, an error at a place, or undefined: it is an ordinary call. */
export type Macro = (
  offset: number,
  target: Expr | undefined,
  args: readonly Expr[],
) => Expr | MacroError | undefined;

export interface MacroError {
  readonly offset: number;
  readonly message: string;
}

/** The accumulator's name of older versions: still not to be shadowed. */
const formerAccumulator = "__result__";
const unused = "#unused";

const ident = (offset: number, name: string): Expr => ({ kind: "ident", offset, name });
const accu = (offset: number): Expr => ident(offset, accumulator);
const literal = (offset: number, value: CelValue): Expr => ({ kind: "literal", offset, value });
const list = (offset: number, ...elements: Expr[]): Expr => ({
  kind: "list",
  offset,
  elements,
  optionals: new Set(),
});
const call = (offset: number, name: string, ...args: Expr[]): Expr => ({
  kind: "call",
  offset,
  name,
  target: undefined,
  args,
});

interface Fold {
  readonly accuInit: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

function fold(offset: number, range: Expr, iterVar: string, iterVar2: string | undefined, parts: Fold): Expr {
  return { kind: "comprehension", offset, range, iterVar, iterVar2, accuVar: accumulator, ...parts };
}

/** Names of the iteration variables, or what is wrong with them. */
function variables(idents: readonly Expr[], notAName: string): string[] | MacroError {
  const names: string[] = [];
  for (const each of idents) {
    if (each.kind !== "ident") return { offset: each.offset, message: notAName };
    if (names.includes(each.name))
      return { offset: each.offset, message: `duplicate variable name: ${each.name}` };
    names.push(each.name);
  }
  const shadowing = idents.find(
    (each) => each.kind === "ident" && [accumulator, formerAccumulator].includes(each.name),
  );
  if (shadowing === undefined) return names;
  return { offset: shadowing.offset, message: "iteration variable overwrites accumulator variable" };
}

/** A macro of `count` iteration variables on a target; `make` gets the arguments after them. */
function overRange(
  count: 1 | 2,
  notAName: string,
  make: (offset: number, rest: readonly Expr[], variable: Expr) => Fold | undefined,
): Macro {
  return (offset, target, args) => {
    if (target === undefined) return undefined;
    const names = variables(args.slice(0, count), notAName);
    if (!Array.isArray(names)) return names;
    const [first = "", second] = names;
    const parts = make(offset, args.slice(count), args[0] ?? ident(offset, first));
    return parts && fold(offset, target, first, second, parts);
  };
}

const all = (at: number, [test]: readonly Expr[]): Fold | undefined =>
  test && {
    accuInit: literal(at, true),
    condition: call(at, "@not_strictly_false", accu(at)),
    step: call(at, "_&&_", accu(at), test),
    result: accu(at),
  };

const exists = (at: number, [test]: readonly Expr[]): Fold | undefined =>
  test && {
    accuInit: literal(at, false),
    condition: call(at, "@not_strictly_false", call(at, "!_", accu(at))),
    step: call(at, "_||_", accu(at), test),
    result: accu(at),
  };

const existsOne = (at: number, [test]: readonly Expr[]): Fold | undefined =>
  test && {
    accuInit: literal(at, 0),
    condition: literal(at, true),
    step: call(at, "_?_:_", test, call(at, "_+_", accu(at), literal(at, 1)), accu(at)),
    result: call(at, "_==_", accu(at), literal(at, 1)),
  };

/** map and transformList: with two arguments the first filters. */
const transformed = (at: number, rest: readonly Expr[]): Fold | undefined => {
  const value = rest.at(-1);
  return value && filtered(at, rest, list(at), call(at, "_+_", accu(at), list(at, value)));
};

function filtered(at: number, rest: readonly Expr[], accuInit: Expr, step: Expr): Fold {
  const [filter] = rest;
  return {
    accuInit,
    condition: literal(at, true),
    step: rest.length < 2 || filter === undefined ? step : call(at, "_?_:_", filter, step, accu(at)),
    result: accu(at),
  };
}

const filter = (at: number, [test]: readonly Expr[], variable: Expr): Fold | undefined =>
  test && {
    accuInit: list(at),
    condition: literal(at, true),
    step: call(at, "_?_:_", test, call(at, "_+_", accu(at), list(at, variable)), accu(at)),
    result: accu(at),
  };

const emptyMap = (offset: number): Expr => ({ kind: "map", offset, entries: [] as readonly MapEntry[] });

const transformMap = (at: number, rest: readonly Expr[], variable: Expr): Fold | undefined => {
  const value = rest.at(-1);
  if (value === undefined) return undefined;
  return filtered(at, rest, emptyMap(at), call(at, "cel.@mapInsert", accu(at), copyExpr(variable), value));
};

const transformMapEntry = (at: number, rest: readonly Expr[]): Fold | undefined => {
  const value = rest.at(-1);
  return value && filtered(at, rest, emptyMap(at), call(at, "cel.@mapInsert", accu(at), value));
};

const has: Macro = (offset, _target, [arg]) => {
  if (arg?.kind !== "select")
    return { offset: arg?.offset ?? offset, message: "invalid argument to has() macro" };
  return { kind: "select", offset, operand: arg.operand, field: arg.field, testOnly: true };
};

/** A name for a value: a fold over nothing whose accumulator is the value, made when it is first read. */
function bind(offset: number, name: string, value: Expr, result: Expr): Expr {
  return {
    kind: "comprehension",
    offset,
    range: list(offset),
    iterVar: unused,
    iterVar2: undefined,
    accuVar: name,
    accuInit: value,
    condition: literal(offset, false),
    step: ident(offset, name),
    result,
  };
}

function optional(name: string, wrap: (offset: number, value: Expr) => Expr): Macro {
  return (offset, target, [variable, value]) => {
    if (target === undefined || variable === undefined || value === undefined) return undefined;
    if (variable.kind !== "ident") {
      return { offset: variable.offset, message: `${name}() variable name must be a simple identifier` };
    }
    const method = (method: string, on: Expr): Expr => ({
      kind: "call",
      offset,
      name: method,
      target: on,
      args: [],
    });
    return call(
      offset,
      "_?_:_",
      method("hasValue", target),
      wrap(offset, bind(offset, variable.name, method("value", copyExpr(target)), value)),
      call(offset, "optional.none"),
    );
  };
}

const celBind: Macro = (offset, target, [variable, value, result]) => {
  if (target?.kind !== "ident" || target.name !== "cel") return undefined;
  if (variable === undefined || value === undefined || result === undefined) return undefined;
  if (variable.kind !== "ident") {
    return { offset: variable.offset, message: "cel.bind() variable names must be simple identifiers" };
  }
  return bind(offset, variable.name, value, result);
};

/** `list.sortBy(x, key)`: the list gets a name, so that it is made once. */
export const sortByMacro: Macro = (offset, target, args) => {
  if (target === undefined) return undefined;
  const kinds = ["list", "select", "ident", "comprehension", "call"];
  if (!kinds.includes(target.kind)) {
    const message =
      "sortBy can only be applied to a list, identifier, comprehension, call or select expression";
    return { offset: target.offset, message };
  }
  const input = "@__sortBy_input__";
  const keys = overRange(1, notAnIdentifier, transformed)(offset, ident(offset, input), args);
  if (keys === undefined || "message" in keys) return keys;
  const sorted: Expr = {
    kind: "call",
    offset,
    name: "@sortByAssociatedKeys",
    target: ident(offset, input),
    args: [keys],
  };
  return bind(offset, input, target, sorted);
};

const notAnIdentifier = "argument is not an identifier";
const notSimple = "argument must be a simple name";

function table(entries: readonly (readonly [string, number, boolean, Macro])[]): ReadonlyMap<string, Macro> {
  return new Map(entries.map(([name, args, onTarget, macro]) => [macroKey(name, args, onTarget), macro]));
}

/** has, all, exists, exists_one, map, filter. */
export const standardMacros = table([
  ["has", 1, false, has],
  ["all", 2, true, overRange(1, notSimple, all)],
  ["exists", 2, true, overRange(1, notSimple, exists)],
  ["exists_one", 2, true, overRange(1, notSimple, existsOne)],
  ["existsOne", 2, true, overRange(1, notSimple, existsOne)],
  ["map", 2, true, overRange(1, notAnIdentifier, transformed)],
  ["map", 3, true, overRange(1, notAnIdentifier, transformed)],
  ["filter", 2, true, overRange(1, notAnIdentifier, filter)],
]);

/** The macros with a variable for the key or index and one for the value. */
export const twoVariableMacros = table([
  ["all", 3, true, overRange(2, notSimple, all)],
  ["exists", 3, true, overRange(2, notSimple, exists)],
  ["exists_one", 3, true, overRange(2, notSimple, existsOne)],
  ["existsOne", 3, true, overRange(2, notSimple, existsOne)],
  ["transformList", 3, true, overRange(2, notSimple, transformed)],
  ["transformList", 4, true, overRange(2, notSimple, transformed)],
  ["transformMap", 3, true, overRange(2, notSimple, transformMap)],
  ["transformMap", 4, true, overRange(2, notSimple, transformMap)],
  ["transformMapEntry", 3, true, overRange(2, notSimple, transformMapEntry)],
  ["transformMapEntry", 4, true, overRange(2, notSimple, transformMapEntry)],
]);

export const optionalMacros = table([
  ["optMap", 2, true, optional("optMap", (offset, value) => call(offset, "optional.of", value))],
  ["optFlatMap", 2, true, optional("optFlatMap", (_, value) => value)],
]);

export const bindMacros = table([["bind", 3, true, celBind]]);
