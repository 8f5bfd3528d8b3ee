import { type CelType, dynType, isDyn, sameType, typeOf } from "../types.ts";

/**
 * Which types fit which, and what the type parameters of generic functions stand for. Mirrors checker/types.go of
 * cel-go: a parameter is bound by the first type it meets and widens to dyn when that is met as well.
 */
export class Substitutions {
  readonly #bound = new Map<string, CelType>();
  /** What was bound before, newest last: a trial that fails is taken back. */
  readonly #undo: { readonly name: string; readonly before: CelType | undefined }[] = [];

  /** Whether all of `from` can stand where `to` is asked for; binds parameters only when that is so. */
  assign(from: readonly CelType[], to: readonly CelType[]): boolean {
    const mark = this.#undo.length;
    if (this.#allFit(from, to)) return true;
    while (this.#undo.length > mark) {
      const last = this.#undo.pop();
      if (last?.before === undefined) this.#bound.delete(last?.name ?? "");
      else this.#bound.set(last.name, last.before);
    }
    return false;
  }

  /** The type with what its parameters are bound to; free ones stay, or become dyn. */
  resolve(type: CelType, freeToDyn: boolean): CelType {
    if (type.kind === "typeParam") {
      const bound = this.#bound.get(type.name);
      if (bound !== undefined) return this.resolve(bound, freeToDyn);
      return freeToDyn ? dynType : type;
    }
    if (type.params.length === 0) return type;
    if (type.kind === "type") return typeOf(this.resolve(type.params[0] ?? dynType, freeToDyn));
    const params = type.params.map((param) => this.resolve(param, freeToDyn));
    return params.every((param, index) => param === type.params[index]) ? type : { ...type, params };
  }

  bind(name: string, type: CelType): void {
    this.#undo.push({ name, before: this.#bound.get(name) });
    this.#bound.set(name, type);
  }

  #allFit(from: readonly CelType[], to: readonly CelType[]): boolean {
    if (from.length !== to.length) return false;
    return from.every((type, index) => {
      const other = to[index];
      return other !== undefined && this.#fits(type, other);
    });
  }

  #fits(a: CelType, b: CelType): boolean {
    if (b.kind === "typeParam") {
      const { valid, bound } = this.#substitute(a, b);
      if (valid) return true;
      if (bound) return false;
    }
    if (a.kind === "typeParam") return this.#substitute(b, a).valid;
    if (isWild(a) || isWild(b)) return true;
    if (a.kind === "null_type") return nullable(b);
    if (b.kind === "null_type") return nullable(a);
    switch (a.kind) {
      case "type":
        return b.kind === "type";
      case "list":
      case "map":
      case "opaque":
        return a.kind === b.kind && a.name === b.name && this.#allFit(a.params, b.params);
      default:
        return a.kind === b.kind && a.name === b.name;
    }
  }

  /** Whether `type` may be what the parameter stands for. */
  #substitute(type: CelType, param: CelType): { valid: boolean; bound: boolean } {
    if (type.kind === "typeParam" && type.name === param.name) return { valid: true, bound: true };
    const bound = this.#bound.get(param.name);
    if (bound !== undefined) {
      if (sameType(type, bound)) return { valid: true, bound: true };
      if (!this.#fits(type, bound)) return { valid: false, bound: true };
      const wider = mostGeneral(type, bound);
      if (!this.#occursIn(param, wider)) this.bind(param.name, wider);
      return { valid: true, bound: true };
    }
    if (this.#occursIn(param, type)) return { valid: false, bound: false };
    this.bind(param.name, type);
    return { valid: true, bound: false };
  }

  #occursIn(param: CelType, type: CelType): boolean {
    if (type.kind === "typeParam") {
      if (type.name === param.name) return true;
      const bound = this.#bound.get(type.name);
      return bound !== undefined && this.#occursIn(param, bound);
    }
    return type.params.some((inner) => this.#occursIn(param, inner));
  }
}

function isWild(type: CelType): boolean {
  return isDyn(type) || type.kind === "error";
}

/** Types that null may stand for. */
function nullable(type: CelType): boolean {
  return ["null_type", "opaque", "struct", "any", "duration", "timestamp"].includes(type.kind);
}

/** Of two types that fit, the one that says less. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return saysLess(a, b) ? a : b;
}

function saysLess(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === "typeParam") return true;
  if (isDyn(b) || b.kind === "typeParam" || a.kind !== b.kind) return false;
  if (a.kind === "type") return true;
  if (a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((param, index) => {
    const other = b.params[index];
    return other !== undefined && saysLess(param, other);
  });
}
