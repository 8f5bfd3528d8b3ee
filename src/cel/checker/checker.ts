import type { FunctionDeclaration, Overload } from "../library/declare.ts";
import type {
  CallExpr,
  ComprehensionExpr,
  Expr,
  IdentExpr,
  ListExpr,
  MapExpr,
  SelectExpr,
  StructExpr,
} from "../parser/ast.ts";
import type { Issues } from "../source.ts";
import {
  boolType,
  bytesType,
  type CelField,
  type CelType,
  doubleType,
  dynType,
  errorType,
  formatSignature,
  formatType,
  intType,
  isDyn,
  isOptional,
  listType,
  mapType,
  nullType,
  optionalType,
  sameType,
  stringType,
  typeParam,
  uintType,
} from "../types.ts";
import { CelDouble, CelTypeValue, CelUint, type CelValue } from "../values.ts";
import { mostGeneral, Substitutions } from "./assign.ts";

/** What the checker asks an environment for. */
export interface Declarations {
  variable(name: string): CelType | undefined;
  /** A type by its name: `int`, `google.protobuf.Timestamp`, a struct of a variable. */
  type(name: string): CelType | undefined;
  function(name: string): FunctionDeclaration | undefined;
  /** Names are looked up in this namespace first; Kubernetes has none. */
  readonly container: string;
}

/**
 * Checks the types of an expression and writes them into it, with the overloads and names it stands for. Mirrors
 * checker/checker.go of cel-go, with its messages.
 */
export function check(expr: Expr, declarations: Declarations, issues: Issues): CelType {
  const checker = new Checker(declarations, issues);
  checker.check(expr);
  checker.finish();
  return expr.type ?? errorType;
}

class Checker {
  readonly #declarations: Declarations;
  readonly #issues: Issues;
  readonly #substitutions = new Substitutions();
  /** Variables of comprehensions, innermost last. */
  readonly #scopes: Map<string, CelType>[] = [];
  readonly #checked: Expr[] = [];
  #freeTypes = 0;

  constructor(declarations: Declarations, issues: Issues) {
    this.#declarations = declarations;
    this.#issues = issues;
  }

  /** Types may have been bound after they were written down: all are resolved at the end. */
  finish(): void {
    for (const expr of this.#checked) expr.type = this.#substitutions.resolve(expr.type ?? errorType, true);
  }

  check(expr: Expr): CelType {
    const type = this.#typeOf(expr);
    expr.type = type;
    this.#checked.push(expr);
    return type;
  }

  #typeOf(expr: Expr): CelType {
    switch (expr.kind) {
      case "literal":
        return literalType(expr.value);
      case "ident":
        return this.#ident(expr);
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
        return errorType;
    }
  }

  // -- names -----------------------------------------------------------------------------------------------------

  #ident(expr: IdentExpr): CelType {
    const found = this.#lookup(expr.name);
    if (found === undefined) return this.#undeclared(expr.offset, expr.name);
    expr.target = found;
    return found.type;
  }

  #undeclared(offset: number, name: string): CelType {
    const { container } = this.#declarations;
    this.#issues.add(offset, `undeclared reference to '${name}' (in container '${container}')`);
    return errorType;
  }

  /** A variable or a type of the name, in the innermost namespace that has one. */
  #lookup(name: string): { name: string; type: CelType; value?: CelValue } | undefined {
    for (const candidate of this.#candidates(name)) {
      const variable = this.#local(candidate) ?? this.#declarations.variable(candidate);
      if (variable !== undefined) return { name: candidate, type: variable };
      const type = this.#declarations.type(candidate);
      if (type !== undefined) {
        return {
          name: candidate,
          type: { kind: "type", name: "type", params: [type] },
          value: new CelTypeValue(type),
        };
      }
    }
    return undefined;
  }

  #local(name: string): CelType | undefined {
    for (let index = this.#scopes.length - 1; index >= 0; index--) {
      const type = this.#scopes[index]?.get(name);
      if (type !== undefined) return type;
    }
    return undefined;
  }

  #candidates(name: string): string[] {
    if (name.startsWith(".")) return [name.slice(1)];
    const candidates: string[] = [];
    for (
      let prefix = this.#declarations.container;
      prefix !== "";
      prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf(".")))
    ) {
      candidates.push(`${prefix}.${name}`);
    }
    return [...candidates, name];
  }

  #function(name: string): FunctionDeclaration | undefined {
    for (const candidate of this.#candidates(name)) {
      const found = this.#declarations.function(candidate);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #select(expr: SelectExpr): CelType {
    const name = qualifiedName(expr);
    const found = name === undefined ? undefined : this.#lookup(name);
    if (found !== undefined) {
      expr.target = found;
      return found.type;
    }
    const type = this.#field(expr.offset, expr.operand, expr.field, false);
    return expr.testOnly ? boolType : this.#substitutions.resolve(type, false);
  }

  #field(offset: number, operand: Expr, field: string, optional: boolean): CelType {
    const operandType = this.#substitutions.resolve(this.check(operand), false);
    const wrapped = isOptional(operandType);
    const target = wrapped ? (operandType.params[0] ?? dynType) : operandType;
    const type = this.#fieldOf(offset, target, field);
    return wrapped || optional ? optionalType(type) : type;
  }

  #fieldOf(offset: number, target: CelType, field: string): CelType {
    switch (target.kind) {
      case "map":
        return target.params[1] ?? dynType;
      case "struct": {
        const found = fieldNamed(target, field);
        if (found !== undefined) return found.type;
        this.#issues.add(offset, `undefined field '${field}'`);
        return errorType;
      }
      case "typeParam":
        this.#substitutions.assign([dynType], [target]);
        return dynType;
      default:
        if (!isDyn(target) && target.kind !== "error") {
          this.#issues.add(offset, `type '${formatType(target)}' does not support field selection`);
        }
        return dynType;
    }
  }

  // -- calls -----------------------------------------------------------------------------------------------------

  #call(expr: CallExpr): CelType {
    if (expr.name === "_?._") return this.#optionalSelect(expr);
    for (const arg of expr.args) this.check(arg);
    if (expr.target === undefined) {
      const found = this.#function(expr.name);
      if (found === undefined) return this.#undeclared(expr.offset, expr.name);
      expr.name = found.name;
      return this.#resolve(expr, found, expr.args);
    }
    const namespace = qualifiedName(expr.target);
    const qualified = namespace === undefined ? undefined : this.#function(`${namespace}.${expr.name}`);
    if (qualified !== undefined) {
      expr.name = qualified.name;
      expr.target = undefined;
      return this.#resolve(expr, qualified, expr.args);
    }
    this.check(expr.target);
    const found = this.#function(expr.name);
    if (found === undefined) return this.#undeclared(expr.offset, expr.name);
    return this.#resolve(expr, found, [expr.target, ...expr.args]);
  }

  #optionalSelect(expr: CallExpr): CelType {
    const [operand, field] = expr.args;
    if (operand === undefined || field?.kind !== "literal" || typeof field.value !== "string")
      return errorType;
    const type = this.#field(expr.offset, operand, field.value, true);
    expr.overloads = ["select_optional_field"];
    return this.#substitutions.resolve(type, false);
  }

  #resolve(expr: CallExpr, declared: FunctionDeclaration, args: readonly Expr[]): CelType {
    const types = args.map((arg) => arg.type ?? errorType);
    if (declared.name === "_&&_" || declared.name === "_||_") return this.#logical(expr, declared, args);
    const isMethod = expr.target !== undefined;
    const overloads: string[] = [];
    let result: CelType | undefined;
    for (const overload of declared.overloads) {
      if (overload.isMethod !== isMethod || overload.args.length !== types.length) continue;
      const { args: params, result: overloadResult } = this.#fresh(overload);
      if (!this.#substitutions.assign(types, params)) continue;
      overloads.push(overload.id);
      const resolved = this.#substitutions.resolve(overloadResult, false);
      if (result === undefined) result = resolved;
      else if (!isDyn(result) && !sameType(result, resolved)) result = dynType;
    }
    if (result === undefined) {
      const shown = types.map((type) => this.#substitutions.resolve(type, true));
      const signature = formatSignature(shown, isMethod);
      this.#issues.add(
        expr.offset,
        `found no matching overload for '${declared.name}' applied to '${signature}'`,
      );
      return errorType;
    }
    expr.overloads = overloads;
    return result;
  }

  #logical(expr: CallExpr, declared: FunctionDeclaration, args: readonly Expr[]): CelType {
    let valid = true;
    for (const arg of args) {
      const type = arg.type ?? errorType;
      if (this.#substitutions.assign([type], [boolType])) continue;
      valid = false;
      this.#mismatch(arg.offset, boolType, type);
    }
    if (!valid) return errorType;
    expr.overloads = declared.overloads.map(({ id }) => id);
    return boolType;
  }

  /** An overload with type parameters of its own for this call. */
  #fresh(overload: Overload): { args: readonly CelType[]; result: CelType } {
    if (overload.params.length === 0) return overload;
    const fresh = new Substitutions();
    for (const name of overload.params) fresh.bind(name, this.#freeType());
    return {
      args: overload.args.map((type) => fresh.resolve(type, false)),
      result: fresh.resolve(overload.result, false),
    };
  }

  #freeType(): CelType {
    return typeParam(`_var${this.#freeTypes++}`);
  }

  // -- literals --------------------------------------------------------------------------------------------------

  #list(expr: ListExpr): CelType {
    let element: CelType | undefined;
    for (const [index, each] of expr.elements.entries()) {
      const type = this.#maybeOptional(each, expr.optionals.has(index));
      element = this.#join(element, type);
    }
    return listType(element ?? this.#freeType());
  }

  #map(expr: MapExpr): CelType {
    let key: CelType | undefined;
    let value: CelType | undefined;
    for (const entry of expr.entries) {
      key = this.#join(key, this.check(entry.key));
      value = this.#join(value, this.#maybeOptional(entry.value, entry.optional));
    }
    return mapType(key ?? this.#freeType(), value ?? this.#freeType());
  }

  /** The type of an entry; what is written with `?` must be an optional, and counts as what it holds. */
  #maybeOptional(expr: Expr, optional: boolean): CelType {
    const type = this.check(expr);
    if (!optional) return type;
    if (isOptional(type)) return type.params[0] ?? dynType;
    if (!isDyn(type)) this.#mismatch(expr.offset, optionalType(type), type);
    return type;
  }

  /** The type of elements of both types: mixed ones are dyn here, and refused by the validators. */
  #join(previous: CelType | undefined, current: CelType): CelType {
    if (previous === undefined) return current;
    if (this.#substitutions.assign([previous], [current])) return mostGeneral(previous, current);
    return dynType;
  }

  #struct(expr: StructExpr): CelType {
    const found = this.#lookup(expr.name);
    if (found === undefined) return this.#undeclared(expr.offset, expr.name);
    expr.name = found.name;
    const type = this.#instanceType(expr, found.type);
    for (const { offset, name, value, optional } of expr.fields) {
      const valueType = this.#maybeOptional(value, optional);
      const field = type.kind === "struct" ? fieldNamed(type, name) : undefined;
      if (field === undefined) {
        if (type.kind === "struct") this.#issues.add(offset, `undefined field '${name}'`);
        continue;
      }
      if (this.#substitutions.assign([field.type], [valueType])) continue;
      const types = `'${formatType(field.type)}' but provided type is '${formatType(valueType)}'`;
      this.#issues.add(offset, `expected type of field '${name}' is ${types}`);
    }
    return type;
  }

  #instanceType(expr: StructExpr, type: CelType): CelType {
    const instance = type.params[0];
    if (type.kind !== "type" || instance === undefined) {
      if (type.kind !== "error") this.#issues.add(expr.offset, `'${type.name}' is not a type`);
      return errorType;
    }
    if (instance.kind === "struct") return instance;
    this.#issues.add(expr.offset, `'${instance.name}' is not a message type`);
    return errorType;
  }

  #comprehension(expr: ComprehensionExpr): CelType {
    this.check(expr.range);
    const accuType = this.check(expr.accuInit);
    const range = this.#substitutions.resolve(expr.range.type ?? errorType, false);
    const [first, second] = this.#iterationTypes(expr, range);
    this.#scopes.push(new Map([[expr.accuVar, accuType]]));
    const loop = new Map([[expr.iterVar, first]]);
    if (expr.iterVar2 !== undefined) loop.set(expr.iterVar2, second);
    this.#scopes.push(loop);
    this.#assert(expr.condition, boolType);
    this.#assert(expr.step, accuType);
    this.#scopes.pop();
    const result = this.check(expr.result);
    this.#scopes.pop();
    return this.#substitutions.resolve(result, false);
  }

  #iterationTypes(expr: ComprehensionExpr, range: CelType): [CelType, CelType] {
    const [first = dynType, second = dynType] = range.params;
    switch (range.kind) {
      case "list":
        return expr.iterVar2 === undefined ? [first, first] : [intType, first];
      case "map":
        return [first, second];
      case "dyn":
      case "any":
      case "error":
      case "typeParam":
        this.#substitutions.assign([dynType], [range]);
        return [dynType, dynType];
      default: {
        const message = `expression of type '${formatType(range)}' cannot be range of a comprehension`;
        this.#issues.add(expr.range.offset, `${message} (must be list, map, or dynamic)`);
        return [errorType, errorType];
      }
    }
  }

  #assert(expr: Expr, type: CelType): void {
    const actual = this.check(expr);
    if (!this.#substitutions.assign([type], [actual])) this.#mismatch(expr.offset, type, actual);
  }

  #mismatch(offset: number, wanted: CelType, found: CelType): void {
    this.#issues.add(offset, `expected type '${formatType(wanted)}' but found '${formatType(found)}'`);
  }
}

/** The field that a name in an expression means: keywords need no escaping after a dot. */
export function fieldNamed(type: CelType, name: string): CelField | undefined {
  return type.fields?.get(name) ?? type.fields?.get(`__${name}__`);
}

function literalType(value: CelValue): CelType {
  if (typeof value === "string") return stringType;
  if (typeof value === "boolean") return boolType;
  if (typeof value === "number" || typeof value === "bigint") return intType;
  if (value === null) return nullType;
  if (value instanceof CelDouble) return doubleType;
  return value instanceof CelUint ? uintType : bytesType;
}

/** `a.b.c` when the expression is nothing but names. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === "ident") return expr.name;
  if (expr.kind !== "select" || expr.testOnly) return undefined;
  const operand = qualifiedName(expr.operand);
  return operand === undefined ? undefined : `${operand}.${expr.field}`;
}
