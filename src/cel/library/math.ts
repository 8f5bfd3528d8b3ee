import { compare, isNumber } from "../eval/equality.ts";
import type { Expr } from "../parser/ast.ts";
import type { Macro } from "../parser/macros.ts";
import {
  CelDouble,
  CelErr,
  CelList,
  CelUint,
  type CelValue,
  intValue,
  isInt,
  listItems,
  maxUint,
  uintValue,
} from "../values.ts";
import { type FunctionDeclaration, type Implementation, noSuchOverload, Signatures } from "./declare.ts";

/** The math extension of cel-go: `math.greatest(a, b, c)`, `math.ceil(x)`, bits. Kubernetes does not have it. */
const s = new Signatures();

const numbers = ["int", "uint", "double"];

function extreme(preferred: number): Implementation {
  const best = (a: CelValue, b: CelValue) => (compare(b, a) === preferred ? b : a);
  return (first = null, second) => {
    if (second !== undefined)
      return isNumber(first) && isNumber(second) ? best(first, second) : noSuchOverload;
    if (!(first instanceof CelList)) return isNumber(first) ? first : noSuchOverload;
    const items = listItems(first);
    const [start] = items;
    if (start === undefined) return new CelErr("math.@max(list) argument must not be empty");
    return items.every(isNumber) ? items.reduce(best, start) : noSuchOverload;
  };
}

function extremeSignatures(name: string): string[] {
  const pairs = numbers.flatMap((a) =>
    numbers.map((b) => `math_@${name}_${a}_${b}: (${a}, ${b}) -> ${a === b ? a : "dyn"}`),
  );
  const singles = numbers.flatMap((type) => [
    `math_@${name}_${type}: (${type}) -> ${type}`,
    `math_@${name}_list_${type}: (list<${type}>) -> ${type}`,
  ]);
  return [...singles, ...pairs];
}

const onDouble =
  (of: (value: number) => CelValue): Implementation =>
  (value) =>
    value instanceof CelDouble ? of(value.value) : noSuchOverload;

const rounded = (of: (value: number) => number): Implementation =>
  onDouble((value) => new CelDouble(of(value)));

/** Half away from zero. */
const round = (value: number): number =>
  Number.isFinite(value) ? Math.sign(value) * Math.round(Math.abs(value)) : value;

const overflow = new CelErr("integer overflow");

const abs: Implementation = (value = null) => {
  if (isInt(value)) return intValue(value < 0 ? -BigInt(value) : BigInt(value)) ?? overflow;
  if (value instanceof CelDouble) return new CelDouble(Math.abs(value.value));
  return value instanceof CelUint ? value : noSuchOverload;
};

const sign: Implementation = (value = null) => {
  if (isInt(value)) return value < 0 ? -1 : value > 0 ? 1 : 0;
  if (value instanceof CelDouble) return new CelDouble(Math.sign(value.value));
  return value instanceof CelUint ? new CelUint(value.value === 0 ? 0 : 1) : noSuchOverload;
};

const sqrt: Implementation = (value = null) =>
  isNumber(value) ? new CelDouble(Math.sqrt(Number(isInt(value) ? value : value.value))) : noSuchOverload;

function bits(of: (a: bigint, b: bigint) => bigint): Implementation {
  return (a = null, b = null) => {
    if (isInt(a) && isInt(b)) return intValue(BigInt.asIntN(64, of(BigInt(a), BigInt(b)))) ?? overflow;
    if (!(a instanceof CelUint) || !(b instanceof CelUint)) return noSuchOverload;
    return uintValue(BigInt.asUintN(64, of(BigInt(a.value), BigInt(b.value)))) ?? overflow;
  };
}

const not: Implementation = (value = null) => {
  if (isInt(value)) return intValue(~BigInt(value)) ?? overflow;
  return value instanceof CelUint ? (uintValue(maxUint ^ BigInt(value.value)) ?? overflow) : noSuchOverload;
};

/** Shifts a pattern of 64 bits; to the right, zeros come in. */
function shift(name: string, of: (bits: bigint, by: bigint) => bigint): Implementation {
  return (value = null, by = null) => {
    if (!isInt(by)) return noSuchOverload;
    if (by < 0) return new CelErr(`math.${name}() negative offset: ${by}`);
    const distance = by >= 64 ? 64n : BigInt(by);
    if (isInt(value))
      return intValue(BigInt.asIntN(64, of(BigInt.asUintN(64, BigInt(value)), distance))) ?? overflow;
    if (!(value instanceof CelUint)) return noSuchOverload;
    return uintValue(BigInt.asUintN(64, of(BigInt(value.value), distance))) ?? overflow;
  };
}

const ofBoth = (id: string, two: boolean): string[] =>
  ["int", "uint"].map(
    (type) => `math_${id}_${type}_${type}: (${two ? `${type}, ${type}` : type}) -> ${type}`,
  );
const shifts = (id: string): string[] =>
  ["int", "uint"].map((type) => `math_${id}_${type}_int: (${type}, int) -> ${type}`);
const perNumber = (id: string, result?: string): string[] =>
  numbers.map((type) => `math_${id}_${type}: (${type}) -> ${result ?? type}`);

export const mathFunctions: readonly FunctionDeclaration[] = [
  s.one("math.@max", extreme(1), ...extremeSignatures("max")),
  s.one("math.@min", extreme(-1), ...extremeSignatures("min")),
  s.one("math.ceil", rounded(Math.ceil), "math_ceil_double: (double) -> double"),
  s.one("math.floor", rounded(Math.floor), "math_floor_double: (double) -> double"),
  s.one("math.round", rounded(round), "math_round_double: (double) -> double"),
  s.one("math.trunc", rounded(Math.trunc), "math_trunc_double: (double) -> double"),
  s.one(
    "math.isInf",
    onDouble((value) => Math.abs(value) === Infinity),
    "math_isInf_double: (double) -> bool",
  ),
  s.one("math.isNaN", onDouble(Number.isNaN), "math_isNaN_double: (double) -> bool"),
  s.one("math.isFinite", onDouble(Number.isFinite), "math_isFinite_double: (double) -> bool"),
  s.one("math.abs", abs, ...perNumber("abs")),
  s.one("math.sign", sign, ...perNumber("sign")),
  s.one("math.sqrt", sqrt, ...perNumber("sqrt", "double")),
  s.one(
    "math.bitAnd",
    bits((a, b) => a & b),
    ...ofBoth("bitAnd", true),
  ),
  s.one(
    "math.bitOr",
    bits((a, b) => a | b),
    ...ofBoth("bitOr", true),
  ),
  s.one(
    "math.bitXor",
    bits((a, b) => a ^ b),
    ...ofBoth("bitXor", true),
  ),
  s.one("math.bitNot", not, ...ofBoth("bitNot", false)),
  s.one(
    "math.bitShiftLeft",
    shift("bitShiftLeft", (a, by) => a << by),
    ...shifts("bitShiftLeft"),
  ),
  s.one(
    "math.bitShiftRight",
    shift("bitShiftRight", (a, by) => a >> by),
    ...shifts("bitShiftRight"),
  ),
];

/** `math.greatest(…)` and `math.least(…)` take any number of arguments, or a list. */
function variadic(name: string, func: string): Macro {
  return (offset, target, args) => {
    if (target?.kind !== "ident" || target.name !== "math") return undefined;
    const [first] = args;
    if (first === undefined)
      return { offset: target.offset, message: `math.${name}() requires at least one argument` };
    const bad = args.find((arg) => !couldBeNumber(arg, args.length === 1));
    if (bad !== undefined)
      return { offset: bad.offset, message: `math.${name}() invalid single argument value` };
    const made: readonly Expr[] =
      args.length <= 2 ? args : [{ kind: "list", offset, elements: args, optionals: new Set<number>() }];
    return { kind: "call", offset, name: `math.${func}`, target: undefined, args: made };
  };
}

function couldBeNumber(expr: Expr, orList: boolean): boolean {
  if (expr.kind === "literal") return isNumber(expr.value);
  if (expr.kind === "list")
    return orList && expr.elements.length > 0 && expr.elements.every((each) => couldBeNumber(each, false));
  return expr.kind !== "map" && expr.kind !== "struct";
}

export const mathMacros: ReadonlyMap<string, Macro> = new Map([
  ["greatest:*:true", variadic("greatest", "@max")],
  ["least:*:true", variadic("least", "@min")],
]);
