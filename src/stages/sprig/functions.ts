import type { TemplateFunction } from "../../apimachinery/go-template/functions.ts";
import type { Random } from "../../apimachinery/random.ts";
import { dateFunctions } from "./dates.ts";
import { listFunctions } from "./lists.ts";
import { regexFunctions } from "./regexes.ts";
import { stringFunctions } from "./strings.ts";
import { decimal, isEmpty, isSame, kindOf, list, number, text } from "./values.ts";

const range = (from: number, to: number, step: number): number[] =>
  step === 0
    ? []
    : Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, at) => from + at * step);

function divided(a: unknown, b: unknown): number {
  if (number(b) === 0) throw new Error("integer divide by zero");
  return Math.trunc(number(a) / number(b));
}

const numberFunctions: Readonly<Record<string, TemplateFunction>> = {
  add: (...values) => values.reduce<number>((sum, value) => sum + number(value), 0),
  add1: (value) => number(value) + 1,
  sub: (a, b) => number(a) - number(b),
  mul: (...values) => values.reduce<number>((product, value) => product * number(value), 1),
  div: divided,
  mod: (a, b) => number(a) - divided(a, b) * number(b),
  max: (...values) => Math.max(...values.map(number)),
  min: (...values) => Math.min(...values.map(number)),
  biggest: (...values) => Math.max(...values.map(number)),
  addf: (...values) => values.reduce<number>((sum, value) => sum + decimal(value), 0),
  subf: (...values) =>
    values.slice(1).reduce<number>((left, value) => left - decimal(value), decimal(values[0])),
  mulf: (...values) => values.reduce<number>((product, value) => product * decimal(value), 1),
  divf: (...values) =>
    values.slice(1).reduce<number>((left, value) => left / decimal(value), decimal(values[0])),
  floor: (value) => Math.floor(decimal(value)),
  ceil: (value) => Math.ceil(decimal(value)),
  round: (value, places) => Math.round(decimal(value) * 10 ** number(places)) / 10 ** number(places),
  int: number,
  int64: number,
  atoi: number,
  float64: decimal,
  until: (count) => range(0, number(count), number(count) < 0 ? -1 : 1),
  untilStep: (from, to, step) => range(number(from), number(to), number(step)),
};

const logicFunctions: Readonly<Record<string, TemplateFunction>> = {
  default: (otherwise, value) => (isEmpty(value) ? otherwise : value),
  coalesce: (...values) => values.find((value) => !isEmpty(value)),
  ternary: (yes, no, condition) => (condition === true ? yes : no),
  empty: isEmpty,
  all: (...values) => values.every((value) => !isEmpty(value)),
  any: (...values) => values.some((value) => !isEmpty(value)),
  deepEqual: isSame,
  kindOf,
  kindIs: (kind, value) => kindOf(value) === kind,
  typeOf: kindOf,
  typeIs: (kind, value) => kindOf(value) === kind,
  fail: (message) => {
    throw new Error(text(message));
  },
};

const digits = "0123456789";
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

function chanceFunctions(random: Random): Readonly<Record<string, TemplateFunction>> {
  const below = (bound: number): number => Math.floor(random.next() * bound);
  const some =
    (of: string): TemplateFunction =>
    (count) =>
      Array.from({ length: number(count) }, () => of[below(of.length)]).join("");
  return {
    randInt: (from, to) => number(from) + below(number(to) - number(from)),
    randNumeric: some(digits),
    randAlpha: some(letters),
    randAlphaNum: some(letters + digits),
    uuidv4: () => random.uuid(),
    shuffle: (value) =>
      Array.from(text(value), (letter) => ({ letter, order: random.next() }))
        .toSorted((a, b) => a.order - b.order)
        .map(({ letter }) => letter)
        .join(""),
  };
}

/** As its other name, which fails where it does not; here both do. */
const must = [
  "append",
  "push",
  "prepend",
  "first",
  "last",
  "rest",
  "initial",
  "reverse",
  "uniq",
  "without",
  "has",
];

/**
 * The functions of sprig by their names there. What looks at the machine (`env`, `getHostByName`) or makes keys is left
 * out: a template that asks for it is refused.
 */
export function sprigFunctions(world: {
  readonly nowMs: () => number;
  readonly random: Random;
}): Readonly<Record<string, TemplateFunction>> {
  const functions = {
    ...stringFunctions,
    ...regexFunctions,
    ...listFunctions,
    ...numberFunctions,
    ...logicFunctions,
    ...dateFunctions(world.nowMs),
    ...chanceFunctions(world.random),
    seq: (...bounds: readonly unknown[]) => {
      const [from = 1, to = from, third] = bounds.length === 1 ? [1, bounds[0]] : bounds;
      const [step, end] =
        third === undefined ? [number(to) < number(from) ? -1 : 1, to] : [number(to), third];
      return range(number(from), number(end) + Math.sign(step), step).join(" ");
    },
  };
  const musts = must.map((name) => [
    `must${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
    listFunctions[name] ?? list,
  ]);
  return { ...functions, ...(Object.fromEntries(musts) as Record<string, TemplateFunction>) };
}
