import {
  combinations,
  comparisons,
  constant,
  elements,
  type Filter,
  functions,
  isTrue,
  JqMisfit,
  member,
  numberOf,
  quietly,
  withFilters,
} from "./jq-functions.ts";

/**
 * As much of jq as Stages make use of: paths, `[]`, `|`, `select`, `if`, arithmetic, comparisons, `and`, `or`, `//` and
 * functions, but no variables, assignments, objects and definitions.
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

const token =
  /\s*(?:(\d+(?:\.\d+)?)|("(?:[^"\\]|\\.)*")|([A-Za-z_]\w*)|(\/\/|==|!=|<=|>=|[.[\]()|,?<>:;+*/%-]))/y;

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
    const left = this.#sum();
    const compare = comparisons[this.#tokens[this.#at] ?? ""];
    if (compare === undefined) return left;
    this.#at++;
    const right = this.#sum();
    return (input) => right(input).flatMap((b) => left(input).map((a) => compare(a, b)));
  }

  #sum(): Filter {
    return this.#combined(["+", "-"], () => this.#combined(["*", "/", "%"], () => this.#postfix()));
  }

  #combined(operators: readonly string[], part: () => Filter): Filter {
    let filter = part();
    for (;;) {
      const operator = this.#tokens[this.#at] ?? "";
      const combine = operators.includes(operator) ? combinations[operator] : undefined;
      if (combine === undefined) return filter;
      this.#at++;
      const [left, right] = [filter, part()];
      filter = (input) => right(input).flatMap((b) => left(input).map((a) => combine(a, b)));
    }
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
    if (Object.hasOwn(literals, next)) return constant(literals[next]);
    return next === "if" ? this.#condition() : this.#call(next);
  }

  /** What comes after `if` or `elif`. */
  #condition(): Filter {
    const holds = this.#pipe();
    this.#expect("then");
    const then = this.#pipe();
    const otherwise = this.#take("elif") ? this.#condition() : this.#otherwise();
    return (input) => holds(input).flatMap((value) => (isTrue(value) ? then : otherwise)(input));
  }

  #otherwise(): Filter {
    const filter = this.#take("else") ? this.#pipe() : identity;
    this.#expect("end");
    return filter;
  }

  #call(name: string): Filter {
    const made = Object.hasOwn(withFilters, name) ? withFilters[name] : undefined;
    const simple = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (made !== undefined && this.#take("(")) {
      const filters = [this.#pipe()];
      while (this.#take(";")) filters.push(this.#pipe());
      this.#expect(")");
      return made(...filters);
    }
    if (simple !== undefined) return simple;
    this.#at--;
    throw this.#wrong(name);
  }
}

const identity: Filter = (input) => [input];
const nameOf = (text: string): string => (text.startsWith('"') ? String(JSON.parse(text)) : text);
const literals: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };
