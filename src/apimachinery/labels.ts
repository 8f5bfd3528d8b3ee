import { formatFieldError, invalid } from "./field-error.ts";
import type { LabelSelector, LabelSelectorRequirement } from "./meta-v1.ts";
import { labelValueErrors, qualifiedNameErrors } from "./names.ts";
import { newBadRequest } from "./status.ts";

/**
 * Label selectors: the text form of queries (`app=web,tier in (a,b),!legacy`) and the object form of specs.
 * Grammar, order and wording mirror k8s.io/apimachinery/pkg/labels.
 */
export type LabelOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** Sorted where the selector came from text. */
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

export interface Selector {
  /** All must hold; sorted by key. */
  readonly requirements: readonly LabelRequirement[];
  matches(labels: Labels | undefined): boolean;
  /** True when it matches everything. */
  isEmpty(): boolean;
  /** The text form; parsing it gives an equal selector. */
  toString(): string;
}

class RequirementSelector implements Selector {
  readonly requirements: readonly LabelRequirement[];

  constructor(requirements: readonly LabelRequirement[]) {
    this.requirements = requirements;
  }

  matches(labels: Labels | undefined): boolean {
    for (const requirement of this.requirements) {
      if (!requirementMatches(requirement, labels)) return false;
    }
    return true;
  }

  isEmpty(): boolean {
    return this.requirements.length === 0;
  }

  toString(): string {
    return this.requirements.map(formatRequirement).join(",");
  }
}

/** Matches every object. */
export const everything: Selector = new RequirementSelector([]);

/** Matches no object. */
export const nothing: Selector = {
  requirements: [],
  matches: () => false,
  isEmpty: () => false,
  toString: () => "",
};

/** Parses the text form. Throws StatusError 400 with the wording of the API server. */
export function parseLabelSelector(text: string): Selector {
  if (text === "") return everything;
  return asBadRequest(() => newSelector(new Parser(tokenize(text)).parse()));
}

/** The selector of a spec. Undefined matches nothing, an empty one everything. Throws StatusError 400 when invalid. */
export function selectorFromLabelSelector(selector: LabelSelector | undefined): Selector {
  if (selector === undefined) return nothing;
  return asBadRequest(() => {
    const requirements: LabelRequirement[] = [];
    for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
      requirements.push(newRequirement(key, "=", [value]));
    }
    for (const expression of selector.matchExpressions ?? []) requirements.push(fromExpression(expression));
    return requirements.length === 0 ? everything : newSelector(requirements);
  });
}

/** Matches objects that carry all of the given labels. Unlike the other constructors it validates nothing. */
export function selectorFromMap(labels: Labels | undefined): Selector {
  const requirements = Object.entries(labels ?? {}).map(
    ([key, value]): LabelRequirement => ({ key, operator: "=", values: [value] }),
  );
  return requirements.length === 0 ? everything : newSelector(requirements);
}

const expressionOperators: Readonly<Record<string, LabelOperator>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
};

function fromExpression({ key, operator, values }: LabelSelectorRequirement): LabelRequirement {
  const known = expressionOperators[operator];
  if (known === undefined) {
    throw new SelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
  return newRequirement(key, known, values ?? []);
}

/** The selectors of node affinity: as label selectors, with `Gt` and `Lt` besides. */
export function selectorFromNodeRequirements(
  expressions: readonly { key: string; operator: string; values?: readonly string[] | undefined }[],
): Selector {
  const operators: Readonly<Record<string, LabelOperator>> = { ...expressionOperators, Gt: "gt", Lt: "lt" };
  return asBadRequest(() =>
    newSelector(
      expressions.map(({ key, operator, values }) => {
        const known = operators[operator];
        if (known === undefined) {
          throw new SelectorError(`${JSON.stringify(operator)} is not a valid node selector operator`);
        }
        return newRequirement(key, known, values ?? []);
      }),
    ),
  );
}

function newSelector(requirements: readonly LabelRequirement[]): Selector {
  return new RequirementSelector(requirements.toSorted((a, b) => compareText(a.key, b.key)));
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function requirementMatches(
  { key, operator, values }: LabelRequirement,
  labels: Labels | undefined,
): boolean {
  const present = labels !== undefined && Object.hasOwn(labels, key);
  const value = present ? (labels[key] ?? "") : "";
  switch (operator) {
    case "=":
    case "==":
    case "in":
      return present && values.includes(value);
    case "!=":
    case "notin":
      return !present || !values.includes(value);
    case "exists":
      return present;
    case "!":
      return !present;
    default:
      return present && comparesAs(operator, value, values[0] ?? "");
  }
}

const integer = /^[+-]?[0-9]+$/;

function comparesAs(operator: "gt" | "lt", value: string, bound: string): boolean {
  if (!integer.test(value) || !integer.test(bound)) return false;
  return operator === "gt" ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  const list = values.toSorted(compareText).join(",");
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${list})`;
    case "gt":
      return `${key}>${list}`;
    case "lt":
      return `${key}<${list}`;
    default:
      return `${key}${operator}${list}`;
  }
}

function newRequirement(key: string, operator: LabelOperator, values: readonly string[]): LabelRequirement {
  const errors: string[] = [];
  const keyErrors = qualifiedNameErrors(key);
  if (keyErrors.length > 0) errors.push(formatFieldError(invalid("key", key, keyErrors.join("; "))));
  const count = countError(operator, values);
  if (count !== undefined) errors.push(formatFieldError(invalid("values", values, count)));
  if (operator === "gt" || operator === "lt") {
    for (const [index, value] of values.entries()) {
      if (integer.test(value)) continue;
      const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
      errors.push(formatFieldError(invalid(`values[${index}]`, value, detail)));
    }
  }
  for (const [index, value] of values.entries()) {
    const valueErrors = labelValueErrors(value);
    if (valueErrors.length === 0) continue;
    errors.push(formatFieldError(invalid(`values[${index}][${key}]`, value, valueErrors.join("; "))));
  }
  if (errors.length > 0)
    throw new SelectorError(errors.length === 1 ? (errors[0] ?? "") : `[${errors.join(", ")}]`);
  return { key, operator, values };
}

function countError(operator: LabelOperator, values: readonly string[]): string | undefined {
  switch (operator) {
    case "in":
    case "notin":
      return values.length === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case "exists":
    case "!":
      return values.length === 0 ? undefined : "values set must be empty for exists and does not exist";
    case "gt":
    case "lt":
      return values.length === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
    default:
      return values.length === 1 ? undefined : "exact-match compatibility requires one single value";
  }
}

/** What is wrong with a selector, before the public functions turn it into a Status. */
class SelectorError extends Error {}

function asBadRequest<T>(build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (error instanceof SelectorError) throw newBadRequest(error.message);
    throw error;
  }
}

type TokenKind = "identifier" | "keyword" | "symbol" | "end";

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const symbols = new Set([")", ",", "!", "==", "=", ">", "<", "!=", "("]);
const special = /[=!(),><]/;
const blank = /[ \t\r\n]/;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  while (position < text.length) {
    const character = text.charAt(position);
    if (blank.test(character)) {
      position++;
    } else if (special.test(character)) {
      const token = scanSymbol(text, position);
      position += token.text.length;
      tokens.push(token);
    } else {
      const start = position;
      while (
        position < text.length &&
        !special.test(text.charAt(position)) &&
        !blank.test(text.charAt(position))
      ) {
        position++;
      }
      const word = text.slice(start, position);
      tokens.push({ kind: word === "in" || word === "notin" ? "keyword" : "identifier", text: word });
    }
  }
  tokens.push({ kind: "end", text: "" });
  return tokens;
}

/** The longest operator at the position: every single special character is one, so there always is. */
function scanSymbol(text: string, position: number): Token {
  const pair = text.slice(position, position + 2);
  return { kind: "symbol", text: symbols.has(pair) ? pair : text.charAt(position) };
}

const binaryOperators = "in, notin, =, ==, !=, gt, lt";

/** A recursive descent over the tokens; `in` and `notin` are words where a key or value may stand. */
class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const next = this.#peek();
      if (next.kind === "end") return requirements;
      if (!startsRequirement(next)) {
        throw new SelectorError(`found '${next.text}', expected: !, identifier, or 'end of string'`);
      }
      requirements.push(this.#wrapped());
      const after = this.#take();
      if (after.kind === "end") return requirements;
      if (after.text !== ",") {
        throw new SelectorError(`found '${after.text}', expected: ',' or 'end of string'`);
      }
      const following = this.#peek();
      if (!startsRequirement(following)) {
        throw new SelectorError(`found '${following.text}', expected: identifier after ','`);
      }
    }
  }

  #wrapped(): LabelRequirement {
    try {
      return this.#requirement();
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      throw new SelectorError(`unable to parse requirement: ${error.message}`);
    }
  }

  #requirement(): LabelRequirement {
    const negated = this.#peek().text === "!";
    if (negated) this.#take();
    const key = this.#take();
    if (!isWord(key)) throw new SelectorError(`found '${key.text}', expected: identifier`);
    const errors = qualifiedNameErrors(key.text);
    if (errors.length > 0) {
      throw new SelectorError(formatFieldError(invalid("<nil>", key.text, errors.join("; "))));
    }
    if (negated) return newRequirement(key.text, "!", []);
    if (this.#atRequirementEnd()) return newRequirement(key.text, "exists", []);
    const operator = this.#operator();
    const values = operator === "in" || operator === "notin" ? this.#values() : this.#exactValue();
    return newRequirement(key.text, operator, [...new Set(values)].sort(compareText));
  }

  #operator(): LabelOperator {
    const { text } = this.#take();
    switch (text) {
      case "in":
      case "notin":
      case "=":
      case "==":
      case "!=":
        return text;
      case ">":
        return "gt";
      case "<":
        return "lt";
      default:
        throw new SelectorError(`found '${text}', expected: ${binaryOperators}`);
    }
  }

  #exactValue(): string[] {
    if (this.#atRequirementEnd()) return [""];
    const value = this.#take();
    if (!isWord(value)) throw new SelectorError(`found '${value.text}', expected: identifier`);
    return [value.text];
  }

  /** `(a,b)`. A missing value between commas is the empty string. */
  #values(): string[] {
    const open = this.#take();
    if (open.text !== "(") throw new SelectorError(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    let expectsValue = true;
    for (;;) {
      const token = this.#take();
      if (isWord(token) && expectsValue) {
        values.push(token.text);
        expectsValue = false;
      } else if (token.text === ",") {
        if (expectsValue) values.push("");
        expectsValue = true;
      } else if (token.text === ")") {
        if (expectsValue) values.push("");
        return values;
      } else {
        throw new SelectorError(
          expectsValue && values.length === 0
            ? `found '${token.text}', expected: ',', ')' or identifier`
            : expectsValue
              ? `found '${token.text}', expected: ',', or identifier`
              : `found '${token.text}', expected: ',' or ')'`,
        );
      }
    }
  }

  #atRequirementEnd(): boolean {
    const next = this.#peek();
    return next.kind === "end" || next.text === ",";
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? { kind: "end", text: "" };
  }

  #take(): Token {
    const token = this.#peek();
    this.#position++;
    return token;
  }
}

const isWord = ({ kind }: Token): boolean => kind === "identifier" || kind === "keyword";
const startsRequirement = (token: Token): boolean => isWord(token) || token.text === "!";
