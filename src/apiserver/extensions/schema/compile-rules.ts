import type { JSONSchemaProps, ValidationRule } from "../../../api/types/apiextensions-v1.ts";
import {
  boolType,
  CelCompileError,
  CelEnvironment,
  type CelProgram,
  type CelSchema,
  type CelType,
  optionalType,
  stringType,
  typeFromSchema,
} from "../../../cel/index.ts";
import { findField } from "./field-path.ts";
import type { SchemaNode } from "./schema-node.ts";

/** One rule of a schema, ready to be asked, or why it is not. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  /** Absent for an empty rule, and where `error` says why. */
  readonly program?: CelProgram;
  readonly error?: string;
  readonly message?: CelProgram;
  readonly messageError?: string;
  readonly usesOldSelf: boolean;
  /** Where the error is to be shown, below the place of the rule; "" for that place. */
  readonly fieldPath: string;
}

export interface CompiledRules {
  readonly rules: readonly CompiledRule[];
  readonly type: CelType;
}

/** Schemas of definitions have the parts that types of expressions are made of, under the same names. */
const asCelSchema = (schema: JSONSchemaProps): CelSchema => schema as CelSchema;

/** The type that expressions see at the node; undefined when they cannot see it. */
export const typeOf = (schema: SchemaNode): CelType | undefined =>
  typeFromSchema(asCelSchema(schema.props), { isResourceRoot: schema.isEmbedded, name: "selfType" });

/**
 * The rules of a node. Undefined when expressions cannot see it. `isStored`: the rules were accepted before, perhaps by
 * a newer server, so that everything is allowed that this one knows.
 */
export function compileRules(schema: SchemaNode): CompiledRules | undefined {
  const known = ahead.get(schema.props);
  if (known !== undefined) return known;
  const compiling = compileOneByOne(schema);
  for (;;) {
    const { done, value } = compiling.next();
    if (done === true) return value;
  }
}

/** What was compiled of schemas that are about to be validated. */
const ahead = new WeakMap<JSONSchemaProps, CompiledRules>();

const costs = new WeakMap<CelProgram, number>();

/** The most that an expression about a value of the type may cost. */
export function maxCostOf(program: CelProgram, type: CelType): number {
  let cost = costs.get(program);
  if (cost === undefined) {
    cost = program.estimateCost(type).max;
    costs.set(program, cost);
  }
  return cost;
}

/** Does what `compileRules` and `maxCostOf` will be asked for, and rests after each rule. */
export function* compileAhead(schema: SchemaNode): Generator<void, void> {
  const compiled = yield* compileOneByOne(schema);
  if (compiled === undefined) return;
  ahead.set(schema.props, compiled);
  for (const { program } of compiled.rules) {
    if (program !== undefined) maxCostOf(program, compiled.type);
    yield;
  }
}

function* compileOneByOne(schema: SchemaNode): Generator<void, CompiledRules | undefined> {
  const type = typeOf(schema);
  if (type === undefined) return undefined;
  const plain = new CelEnvironment({ variables: { self: type, oldSelf: type } });
  const optional = plain.extend({ oldSelf: optionalType(type) });
  const rules: CompiledRule[] = [];
  for (const rule of schema.rules) {
    rules.push(compileRule(rule, rule.optionalOldSelf === true ? optional : plain, schema));
    yield;
  }
  return { type, rules };
}

function compileRule(rule: ValidationRule, environment: CelEnvironment, schema: SchemaNode): CompiledRule {
  const nothing = { rule, usesOldSelf: false, fieldPath: "" };
  if (rule.rule.trim() === "") return nothing;
  const program = environment.compile(rule.rule, { outputTypes: [boolType] });
  if (program instanceof CelCompileError) return { ...nothing, error: reasonOf(program, ruleTexts) };
  const found = (rule.fieldPath ?? "") === "" ? undefined : findField(rule.fieldPath ?? "", schema);
  const compiled = {
    rule,
    program,
    usesOldSelf: program.variables.has("oldSelf"),
    fieldPath: found === undefined || typeof found === "string" ? "" : found.path,
  };
  if ((rule.messageExpression ?? "") === "") return compiled;
  const message = environment.compile(rule.messageExpression ?? "", { outputTypes: [stringType] });
  if (message instanceof CelCompileError)
    return { ...compiled, messageError: reasonOf(message, messageTexts) };
  return { ...compiled, message };
}

type Texts = Readonly<Record<CelCompileError["stage"], (message: string) => string>>;

const ruleTexts: Texts = {
  compilation: (message) => `compilation failed: ${message}`,
  output: () => "cel expression must evaluate to a bool",
  instantiation: (message) => `program instantiation failed: ${message}`,
};

const messageTexts: Texts = {
  compilation: (message) => `messageExpression compilation failed: ${message}`,
  output: () => "messageExpression must evaluate to a string",
  instantiation: (message) => `messageExpression instantiation failed: ${message}`,
};

const reasonOf = ({ stage, message }: CelCompileError, texts: Texts): string => texts[stage](message);
