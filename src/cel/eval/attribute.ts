import { CelErr, CelOptional, type CelValue } from "../values.ts";
import type { Evaluator, Frame } from "./frame.ts";
import { lookup, missing } from "./select.ts";

/** A step of a chain such as `a.b[c]`: a constant key, or one that is evaluated. */
export interface Qualifier {
  readonly key: { readonly constant: CelValue } | { readonly evaluate: Evaluator };
  /** Written with `?`: what is not there makes the whole chain an empty optional. */
  readonly optional: boolean;
  /** The last step of has(): gives whether it is there. */
  readonly testOnly: boolean;
}

/**
 * What can be read by steps: a variable, the value of an operand, or one of two of these. Steps are added while the
 * expression is planned. Reading costs one for the chain (`evaluate`, not where the chain itself is only a key or a
 * branch) and one for each step. Mirrors the attributes of cel-go, whose costs depend on them.
 */
export type Attribute = ChainAttribute | ConditionalAttribute;

export class ChainAttribute {
  readonly #base: Evaluator;
  readonly #steps: Qualifier[] = [];

  constructor(base: Evaluator) {
    this.#base = base;
  }

  add(step: Qualifier): void {
    this.#steps.push(step);
  }

  /** Reads without the cost of the chain itself. */
  resolver(): Evaluator {
    const base = this.#base;
    const steps = this.#steps;
    if (steps.length === 0) return base;
    const keys = steps.map(({ key, optional, testOnly }) =>
      "constant" in key && typeof key.constant === "string" && !optional && !testOnly
        ? key.constant
        : undefined,
    );
    if (keys.every((key) => key !== undefined)) return plainChain(base, keys, steps);
    return (frame) => walk(frame, base(frame), steps);
  }
}

/** The usual chain: nothing but names. */
function plainChain(base: Evaluator, keys: readonly string[], steps: readonly Qualifier[]): Evaluator {
  return (frame) => {
    let value = base(frame);
    if (value instanceof CelOptional) return walk(frame, value, steps);
    for (const key of keys) {
      if (value instanceof CelErr) return value;
      const found: CelValue | undefined = lookup(value, key);
      frame.charge(1);
      if (found === undefined) return missing(value, key);
      value = found;
    }
    return value;
  };
}

function walk(frame: Frame, base: CelValue, steps: readonly Qualifier[]): CelValue {
  let value = base;
  let optional = false;
  if (value instanceof CelOptional) {
    if (value.value === undefined) return value;
    value = value.value;
    optional = true;
  }
  for (const step of steps) {
    if (value instanceof CelErr) return value;
    optional ||= step.optional;
    const key = "constant" in step.key ? step.key.constant : step.key.evaluate(frame);
    if (key instanceof CelErr) {
      if (!optional) frame.charge(1);
      return key;
    }
    const found = lookup(value, key);
    if (found === undefined && optional) return CelOptional.none;
    frame.charge(1);
    if (found instanceof CelErr) return found;
    if (step.testOnly && !optional) return found !== undefined;
    if (found === undefined) return missing(value, key);
    value = found;
  }
  if (value instanceof CelErr) return value;
  return optional ? new CelOptional(value) : value;
}

export class ConditionalAttribute {
  readonly #condition: Evaluator;
  readonly #yes: Attribute;
  readonly #no: Attribute;

  constructor(condition: Evaluator, yes: Attribute, no: Attribute) {
    this.#condition = condition;
    this.#yes = yes;
    this.#no = no;
  }

  add(step: Qualifier): void {
    this.#yes.add(step);
    this.#no.add(step);
  }

  resolver(): Evaluator {
    const condition = this.#condition;
    const yes = this.#yes.resolver();
    const no = this.#no.resolver();
    return (frame) => {
      const value = condition(frame);
      if (value === true) return yes(frame);
      if (value === false) return no(frame);
      return value instanceof CelErr ? value : new CelErr("no such overload");
    };
  }
}

/** Reads with the cost of the chain; a ternary by itself is free. */
export function evaluator(attribute: Attribute): Evaluator {
  const resolve = attribute.resolver();
  if (attribute instanceof ConditionalAttribute) return resolve;
  return (frame) => {
    const value = resolve(frame);
    frame.charge(1);
    return value;
  };
}

/** What has() evaluates to: its chain is free but for its steps. */
export function testEvaluator(attribute: Attribute): Evaluator {
  const resolve = attribute.resolver();
  return (frame) => {
    const value = resolve(frame);
    return value instanceof CelOptional ? value.value !== undefined : value;
  };
}
