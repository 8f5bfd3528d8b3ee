import { isObject } from "../apimachinery/json.ts";

/**
 * As much of jq as Stages make use of: paths, `[]`, `|`, `select`, comparisons, `and`, `or`, `//` and a few functions.
 *
 *   const query = parseJq('.status.conditions.[] | select( .type == "Ready" ) | .status');
 *   query(node)   // ["True"]
 */
export type JqQuery = (input: unknown) => readonly unknown[];

/** Throws Error, with what is not understood. A query that does not fit its input has no results. */
export function parseJq(text: string): JqQuery {
  const parser = new JqParser(text);
  const filter = parser.parse();
  return (input) => {
    try {
      return filter(input);
    } catch (error) {
      if (error instanceof JqMisfit) return [];
      throw error;
    }
  };
}

/** The input is not what the query takes. */
class JqMisfit extends Error {}

type Filter = (input: unknown) => unknown[];

const token = /\s*(?:(\d+(?:\.\d+)?)|("(?:[^"\\]|\\.)*")|([A-Za-z_]\w*)|(\/\/|==|!=|<=|>=|[.[\]()|,?<>:-]))/y;

class JqParser {
  readonly #text: string;
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    token.lastIndex = 0;
    for (let from = 0; text.slice(from).trim() !== ""; from = token.lastIndex) {
      token.lastIndex = from;
      const match = token.exec(text);
      if (match === null) throw this.#wrong(text.slice(from).trim());
      this.#tokens.push(match[0].trim());
    }
  }

  parse(): Filter {
    const filter = this.#pipe();
    if (this.#at < this.#tokens.length) throw this.#wrong(this.#tokens[this.#at] ?? "");
    return filter;
  }

  #wrong(what: string): Error {
    return new Error(
      `${JSON.stringify(this.#text)}: ${what === "" ? "it ends too early" : `${what} is not understood`}`,
    );
  }

  #take(expected: string): boolean {
    if (this.#tokens[this.#at] !== expected) return false;
    this.#at++;
    return true;
  }

  #expect(expected: string): void {
    if (!this.#take(expected)) throw this.#wrong(this.#tokens[this.#at] ?? "");
  }

  #pipe(): Filter {
    const left = this.#comma();
    if (!this.#take("|")) return left;
    const right = this.#pipe();
    return (input) => left(input).flatMap(right);
  }

  #comma(): Filter {
    const left = this.#alternative();
    if (!this.#take(",")) return left;
    const right = this.#comma();
    return (input) => [...left(input), ...right(input)];
  }

  #alternative(): Filter {
    const left = this.#or();
    if (!this.#take("//")) return left;
    const right = this.#alternative();
    return (input) => {
      const found = quietly(left)(input).filter(isTrue);
      return found.length > 0 ? found : right(input);
    };
  }

  #or(): Filter {
    const left = this.#and();
    if (!this.#take("or")) return left;
    const right = this.#or();
    return (input) => left(input).flatMap((value) => (isTrue(value) ? [true] : right(input).map(isTrue)));
  }

  #and(): Filter {
    const left = this.#comparison();
    if (!this.#take("and")) return left;
    const right = this.#and();
    return (input) => left(input).flatMap((value) => (isTrue(value) ? right(input).map(isTrue) : [false]));
  }

  #comparison(): Filter {
    const left = this.#postfix();
    const compare = comparisons[this.#tokens[this.#at] ?? ""];
    if (compare === undefined) return left;
    this.#at++;
    const right = this.#postfix();
    return (input) => right(input).flatMap((b) => left(input).map((a) => compare(a, b)));
  }

  #postfix(): Filter {
    let filter = this.#term();
    for (;;) {
      const next = this.#tokens[this.#at];
      const after = this.#tokens[this.#at + 1] ?? "";
      if (next === "?") {
        this.#at++;
        filter = quietly(filter);
      } else if (next === "[") filter = this.#bracket(filter);
      else if (next === "." && after === "[") {
        this.#at++;
        filter = this.#bracket(filter);
      } else if (next === "." && /^["A-Za-z_]/.test(after)) {
        this.#at += 2;
        filter = member(filter, constant(nameOf(after)));
      } else return filter;
    }
  }

  /** `[]`, `[0]`, `["name"]` after a value. */
  #bracket(of: Filter): Filter {
    this.#expect("[");
    if (this.#take("]")) return (input) => of(input).flatMap(elements);
    const inner = this.#pipe();
    this.#expect("]");
    return member(of, inner);
  }

  #term(): Filter {
    const next = this.#tokens[this.#at++] ?? "";
    if (next === ".") {
      const after = this.#tokens[this.#at] ?? "";
      if (!/^["A-Za-z_]/.test(after)) return identity;
      this.#at++;
      return member(identity, constant(nameOf(after)));
    }
    if (next === "(") {
      const inner = this.#pipe();
      this.#expect(")");
      return inner;
    }
    if (next === "[") {
      if (this.#take("]")) return constant([]);
      const inner = this.#pipe();
      this.#expect("]");
      return (input) => [inner(input)];
    }
    if (next === "-") {
      const inner = this.#postfix();
      return (input) => inner(input).map((value) => -numberOf(value));
    }
    if (next.startsWith('"') || /^\d/.test(next)) return constant(JSON.parse(next));
    if (next in literals) return constant(literals[next]);
    return this.#call(next);
  }

  #call(name: string): Filter {
    const simple = functions[name];
    if (simple !== undefined) return (input) => simple(input);
    const made = withFilter[name];
    if (made === undefined) {
      this.#at--;
      throw this.#wrong(name);
    }
    this.#expect("(");
    const inner = this.#pipe();
    this.#expect(")");
    return made(inner);
  }
}

const identity: Filter = (input) => [input];
const constant =
  (value: unknown): Filter =>
  () => [value];
const quietly =
  (filter: Filter): Filter =>
  (input) => {
    try {
      return filter(input);
    } catch (error) {
      if (error instanceof JqMisfit) return [];
      throw error;
    }
  };

const isTrue = (value: unknown): boolean => value !== null && value !== undefined && value !== false;
const nameOf = (text: string): string => (text.startsWith('"') ? String(JSON.parse(text)) : text);
const literals: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };

function member(of: Filter, keys: Filter): Filter {
  return (input) =>
    of(input).flatMap((value) =>
      keys(input).map((key) => {
        if (value === null || value === undefined) return null;
        if (Array.isArray(value) && typeof key === "number") return (value as unknown[]).at(key) ?? null;
        if (isObject(value) && typeof key === "string") return value[key] ?? null;
        throw new JqMisfit();
      }),
    );
}

function elements(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  if (isObject(value)) return Object.values(value);
  throw new JqMisfit();
}

function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  throw new JqMisfit();
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
const less = (a: unknown, b: unknown): boolean =>
  typeof a === "string" && typeof b === "string" ? a < b : numberOf(a) < numberOf(b);

const comparisons: Readonly<Record<string, (a: unknown, b: unknown) => boolean>> = {
  "==": same,
  "!=": (a, b) => !same(a, b),
  "<": less,
  "<=": (a, b) => !less(b, a),
  ">": (a, b) => less(b, a),
  ">=": (a, b) => !less(a, b),
};

const functions: Readonly<Record<string, Filter>> = {
  not: (input) => [!isTrue(input)],
  empty: () => [],
  length: (input) => {
    if (input === null || input === undefined) return [0];
    if (typeof input === "number") return [Math.abs(input)];
    return [typeof input === "string" ? Array.from(input).length : elements(input).length];
  },
  keys: (input) => {
    if (!isObject(input)) throw new JqMisfit();
    return [Object.keys(input).toSorted()];
  },
  first: (input) => elements(input).slice(0, 1),
  last: (input) => elements(input).slice(-1),
  any: (input) => [elements(input).some(isTrue)],
  all: (input) => [elements(input).every(isTrue)],
  tostring: (input) => [typeof input === "string" ? input : JSON.stringify(input ?? null)],
  tonumber: (input) => {
    const value = typeof input === "string" && input.trim() !== "" ? Number(input) : input;
    if (typeof value !== "number" || Number.isNaN(value)) throw new JqMisfit();
    return [value];
  },
};

const withFilter: Readonly<Record<string, (filter: Filter) => Filter>> = {
  select: (filter) => (input) => filter(input).flatMap((value) => (isTrue(value) ? [input] : [])),
  map: (filter) => (input) => [elements(input).flatMap(filter)],
  any: (filter) => (input) => [elements(input).flatMap(filter).some(isTrue)],
  all: (filter) => (input) => [elements(input).flatMap(filter).every(isTrue)],
  has: (filter) => (input) =>
    filter(input).map((key) => isObject(input) && typeof key === "string" && Object.hasOwn(input, key)),
};
