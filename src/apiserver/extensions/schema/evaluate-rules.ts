import type { ValidationRule } from "../../../api/types/apiextensions-v1.ts";
import {
  type FieldError,
  forbidden,
  formatFieldError,
  invalid,
  omitted,
  required,
} from "../../../apimachinery/field-error.ts";
import type { Rest } from "../../../apimachinery/in-slices.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { CelCostExceeded, CelEvaluationError, type CelProgram } from "../../../cel/index.ts";
import { type CompiledRule, type CompiledRules, compileRules } from "./compile-rules.ts";
import { type Correlation, sameItem } from "./correlation.ts";
import { childPath, indexPath, keyPath, shownPath } from "./path.ts";
import type { SchemaNode } from "./schema-node.ts";

/** What all rules of one object may cost, and each of them, in units of the expression language. */
export const objectCostBudget = 10_000_000;
const ruleCostBudget = 1_000_000;
/** A message that an expression makes is a line of a readable length. */
const maxMessageBytes = 5 * 1024;

export interface RuleRun {
  readonly errors: FieldError[];
  /** Below 0 when the budget ran out. */
  readonly remaining: number;
}

export interface RuleOptions {
  readonly path?: string;
  readonly budget?: number;
  /** Faults of what has not changed are only told. */
  readonly correlation?: Correlation | undefined;
  readonly warn?: (text: string) => void;
  readonly metrics?: RuleTimes | undefined;
}

/** Is told how long it took to compile the rules of a schema, and to ask those about a value. */
export interface RuleTimes {
  compiled(ms: number): void;
  evaluated(ms: number): void;
}

/**
 * Asks the rules of a schema about a value and what it was before: `old` is undefined for what is new (mirrors
 * k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel).
 */
export function ruleErrors(value: unknown, old: unknown, schema: SchemaNode, options?: RuleOptions): RuleRun {
  const run = new RulesToAsk(value, old, schema, options);
  run.ask();
  return run;
}

/** The value and its nearest ancestor of which it is known what they were. */
interface Followed {
  readonly current: Correlation | undefined;
  readonly nearest: Correlation | undefined;
}

const isUnchanged = ({ current, nearest }: Followed): boolean => (current ?? nearest)?.isSame === true;

function followKey(followed: Followed, key: string): Followed {
  const { current, nearest } = followed;
  if (current === undefined) return followed;
  // Of which kind and version an object is cannot be told from its old form: both were made the same.
  if (nearest === undefined && (key === "apiVersion" || key === "kind")) {
    return { current: undefined, nearest: undefined };
  }
  return { current: current.key(key), nearest: current };
}

const followIndex = (followed: Followed, index: number): Followed =>
  followed.current === undefined
    ? followed
    : { current: followed.current.index(index), nearest: followed.current };

/** Rules are compiled when the first value comes, and kept as long as their schema. */
const compiled = new WeakMap<SchemaNode, CompiledRules | null>();

function rulesOf(schema: SchemaNode, times: RuleTimes | undefined): CompiledRules | undefined {
  let rules = compiled.get(schema);
  if (rules === undefined) {
    const startMs = performance.now();
    rules = compileRules(schema) ?? null;
    times?.compiled(performance.now() - startMs);
    compiled.set(schema, rules);
  }
  return rules ?? undefined;
}

/** A value with rules. */
interface Place {
  readonly value: unknown;
  readonly old: unknown;
  readonly schema: SchemaNode;
  readonly path: string;
  readonly followed: Followed;
}

/** What compiling the rules of a schema is worth in units of cost; asking one that costs nothing is worth some too. */
const costOfCompiling = 20_000;
const costOfAsking = 50;

/**
 * The rules about a value, to be asked in one go or a part at a time: a request's rules may take a second, which others
 * should not have to wait for.
 */
export class RulesToAsk implements RuleRun {
  readonly errors: FieldError[] = [];
  remaining: number;
  readonly #warn: (text: string) => void;
  readonly #times: RuleTimes | undefined;
  #tookMs = 0;
  /** In the order in which they are asked about. */
  readonly #places: Place[] = [];
  /** The next rule: of which place, and which one there. */
  #place = 0;
  #rule = 0;
  #isBrief = false;
  /** What the next rule asks takes long. */
  #long: Question | undefined;
  /** What expressions of the next rule have said that took long. */
  readonly #evaluated = new Map<CelProgram, Evaluated>();

  constructor(
    value: unknown,
    old: unknown,
    schema: SchemaNode,
    { path = "", budget = objectCostBudget, correlation, warn = () => {}, metrics }: RuleOptions = {},
  ) {
    this.remaining = budget;
    this.#warn = warn;
    this.#times = metrics;
    this.#visit(value, old, schema, path, { current: correlation, nearest: undefined });
  }

  /** Asks all that were not asked yet; however long that takes. */
  ask(): void {
    this.#isBrief = false;
    this.#askTimed(Number.POSITIVE_INFINITY);
  }

  /** Asks until about so much was spent, or one takes long, which `askInParts` asks; true when no more are to be asked. */
  askBriefly(atMost: number): boolean {
    this.#isBrief = true;
    return this.#askTimed(atMost);
  }

  /** Asks the rest in parts of about so much; the caller decides after each part when to go on. */
  *askInParts(atMost: number): Generator<Rest, void> {
    do {
      const long = this.#long;
      this.#long = undefined;
      if (long === undefined) yield;
      else this.#evaluated.set(long.program, yield* evaluateInParts(long));
    } while (!this.askBriefly(atMost));
  }

  #askTimed(atMost: number): boolean {
    if (this.#place >= this.#places.length) return true;
    const startMs = performance.now();
    const isDone = this.#askSome(atMost);
    this.#tookMs += performance.now() - startMs;
    if (isDone) this.#times?.evaluated(this.#tookMs);
    return isDone;
  }

  #askSome(atMost: number): boolean {
    let spent = 0;
    for (; this.#place < this.#places.length; this.#place++, this.#rule = 0) {
      const place = this.#places[this.#place];
      if (place === undefined) break;
      if (!compiled.has(place.schema)) spent += costOfCompiling;
      // What expressions cannot see, they have no say in.
      const rules = rulesOf(place.schema, this.#times)?.rules ?? [];
      if (this.#rule === 0 && rules.length > 0 && this.remaining <= 0) return this.#end(place);
      while (this.#rule < rules.length) {
        if (spent >= atMost) return false;
        const before = this.remaining;
        const rule = rules[this.#rule];
        const goesOn = rule === undefined || this.#ask(rule, place);
        if (this.#long !== undefined) {
          // It is asked once more when what takes long is known.
          this.remaining = before;
          return false;
        }
        this.#rule++;
        this.#evaluated.clear();
        if (!goesOn) return this.#end();
        spent += before - this.remaining + costOfAsking;
      }
    }
    return true;
  }

  /** Nothing more is asked; of the place it is said that it should have been. */
  #end(place?: Place): true {
    if (place !== undefined) {
      this.errors.push(invalid(shownPath(place.path), place.schema.type, outOfBudget));
      this.remaining = -1;
    }
    this.#place = this.#places.length;
    return true;
  }

  #visit(value: unknown, old: unknown, schema: SchemaNode, path: string, followed: Followed): void {
    if (value === null || value === undefined || !schema.traits.hasRules) return;
    if (schema.rules.length > 0) this.#places.push({ value, old: old ?? undefined, schema, path, followed });
    if (Array.isArray(value)) this.#visitItems(value, old, schema, path, followed);
    else if (isObject(value)) this.#visitMembers(value, old, schema, path, followed);
  }

  #visitItems(
    items: readonly unknown[],
    old: unknown,
    schema: SchemaNode,
    path: string,
    followed: Followed,
  ): void {
    const { items: itemSchema } = schema;
    if (itemSchema === undefined) return;
    // Items are known again by their keys; those of sets and of plain lists are not.
    const others = schema.listType === "map" && Array.isArray(old) ? old : [];
    for (const [index, item] of items.entries()) {
      const before = sameItem(schema, item, others);
      this.#visit(item, before, itemSchema, indexPath(path, index), followIndex(followed, index));
    }
  }

  #visitMembers(
    value: Readonly<Record<string, unknown>>,
    old: unknown,
    schema: SchemaNode,
    path: string,
    followed: Followed,
  ): void {
    const before = isObject(old) ? old : {};
    for (const key of Object.keys(value)) {
      const field = schema.field(key);
      const member = field ?? schema.values;
      if (member === undefined) continue;
      const below = field === undefined ? keyPath(path, key) : childPath(path, key);
      this.#visit(value[key], before[key], member, below, followKey(followed, key));
    }
  }

  /** False when no further rules are to be asked. */
  #ask(each: CompiledRule, { value, old, schema, path, followed }: Place): boolean {
    const where = shownPath(path);
    if (each.error !== undefined) {
      this.errors.push(invalid(where, schema.type, `rule compile error: ${each.error}`));
      return true;
    }
    // A rule about a change has nothing to say of what is new, unless it says that it has.
    const needsOld = each.usesOldSelf && each.rule.optionalOldSelf !== true;
    if (each.program === undefined || (needsOld && old === undefined)) return true;
    const holds = this.#holds(each.program, each.rule, value, old, schema, where);
    if (holds === "ended") return false;
    return holds !== false || this.#report(each, value, old, schema, path, followed);
  }

  #holds(
    program: CelProgram,
    rule: ValidationRule,
    value: unknown,
    old: unknown,
    schema: SchemaNode,
    where: string,
  ): boolean | "failed" | "ended" {
    const evaluated = this.#evaluate({ program, value, old });
    if (evaluated === undefined) return "failed";
    const { value: result, cost, error } = evaluated;
    if (cost > this.remaining) {
      this.errors.push(invalid(where, schema.type, outOfBudget));
      this.remaining = -1;
      return "ended";
    }
    this.remaining -= cost;
    if (error === undefined) return result === true;
    if (error instanceof CelCostExceeded) {
      const why = `'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${shortly(rule)}`;
      this.errors.push(invalid(where, schema.type, why));
      this.remaining = -1;
      return "ended";
    }
    const why = error.message.startsWith("no such overload")
      ? `'${error.message}': call arguments did not match a supported operator, function or macro signature for rule: ${shortly(rule)}`
      : `${error.message} evaluating rule: ${shortly(rule)}`;
    this.errors.push(invalid(where, schema.type, why));
    return "failed";
  }

  /** Undefined where that takes long, and is to be found out first. */
  #evaluate(question: Question): Evaluated | undefined {
    const known = this.#evaluated.get(question.program);
    if (known !== undefined) return known;
    const evaluated = this.#isBrief ? evaluateBriefly(question) : evaluate(question);
    if (evaluated === undefined) this.#long = question;
    return evaluated;
  }

  /** Tells of a rule that does not hold. False when making the message cost too much. */
  #report(
    { rule, message, usesOldSelf, fieldPath }: CompiledRule,
    value: unknown,
    old: unknown,
    schema: SchemaNode,
    path: string,
    followed: Followed,
  ): boolean {
    const where = shownPath(fieldPath === "" ? path : childPath(path, fieldPath));
    const add = (error: FieldError): void => {
      if (!usesOldSelf && isUnchanged(followed)) this.#warn(formatFieldError(error));
      else this.errors.push(error);
    };
    const made = message === undefined ? undefined : this.#message(message, rule, value, old);
    if (this.#long !== undefined) return true;
    if (made?.fatal !== undefined) {
      add(invalid(where, schema.type, made.fatal));
      this.remaining = -1;
      return false;
    }
    const isStructure = schema.type === "object" || schema.type === "array";
    add(errorOf(rule, where, isStructure ? omitted : value, made?.text ?? defaultMessage(rule)));
    return true;
  }

  #message(
    program: CelProgram,
    rule: ValidationRule,
    value: unknown,
    old: unknown,
  ): { text?: string; fatal?: string } {
    const evaluated = this.#evaluate({ program, value, old });
    if (evaluated === undefined) return {};
    const { value: result, cost, error } = evaluated;
    if (cost > this.remaining) {
      return {
        fatal:
          "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run",
      };
    }
    if (error instanceof CelCostExceeded) {
      const source = JSON.stringify(rule.messageExpression);
      const fatal = `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${source}`;
      return { fatal };
    }
    this.remaining -= cost;
    const text = typeof result === "string" ? result.trim() : "";
    const isFit = text !== "" && !text.includes("\n") && Buffer.byteLength(text) <= maxMessageBytes;
    return error === undefined && isFit ? { text } : {};
  }
}

const outOfBudget =
  "validation failed due to running out of cost budget, no further validation rules will be run";

/** What an expression is asked about. */
interface Question {
  readonly program: CelProgram;
  readonly value: unknown;
  readonly old: unknown;
}

interface Evaluated {
  readonly value?: unknown;
  readonly cost: number;
  readonly error?: CelEvaluationError;
}

const limits = { costBudget: ruleCostBudget };

function evaluate({ program, value, old }: Question): Evaluated {
  try {
    return program.evaluate({ self: value, oldSelf: old }, limits);
  } catch (error) {
    return failed(error);
  }
}

/** Undefined when it takes long. */
function evaluateBriefly({ program, value, old }: Question): Evaluated | undefined {
  try {
    return program.evaluateBriefly({ self: value, oldSelf: old }, limits);
  } catch (error) {
    return failed(error);
  }
}

function* evaluateInParts({ program, value, old }: Question): Generator<Rest, Evaluated> {
  try {
    return yield* program.evaluateInParts({ self: value, oldSelf: old }, limits);
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): Evaluated {
  if (error instanceof CelEvaluationError) return { cost: error.cost, error };
  throw error;
}

const shortly = ({ rule, message = "" }: ValidationRule): string =>
  message === "" ? rule.trim() : message.trim();

const defaultMessage = (rule: ValidationRule): string =>
  (rule.message ?? "") === "" ? `failed rule: ${shortly(rule)}` : (rule.message ?? "").trim();

function errorOf({ reason }: ValidationRule, path: string, value: unknown, detail: string): FieldError {
  switch (reason) {
    case "FieldValueForbidden":
      return forbidden(path, detail);
    case "FieldValueRequired":
      return required(path, detail);
    case "FieldValueDuplicate":
      // Of duplicates only the value is told.
      return { type: "FieldValueDuplicate", path, value, detail: "" };
    default:
      return invalid(path, value, detail);
  }
}
