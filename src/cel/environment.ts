import { check, type Declarations } from "./checker/checker.ts";
import { validateLiterals } from "./checker/validate-literals.ts";
import { CompiledProgram } from "./compiled-program.ts";
import { CelCompileError } from "./errors.ts";
import { type PlanContext, PlanError, plan, planResumable } from "./eval/plan.ts";
import type { FunctionDeclaration } from "./library/declare.ts";
import { type FunctionSet, functionSet } from "./library/functions.ts";
import { jsonPatchFunctions } from "./library/json-patch.ts";
import { constructObject, mutationType } from "./library/object.ts";
import type { Expr } from "./parser/ast.ts";
import { parse } from "./parser/parser.ts";
import type { CelProgram } from "./program.ts";
import { Issues, Source } from "./source.ts";
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  sameType,
  stringType,
  timestampType,
  typeName,
  typeType,
  uintType,
} from "./types.ts";

export interface CelEnvironmentOptions {
  /** The variables that expressions may read, with their types. Struct types are found through them. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** Expressions may make `Object{…}` and `JSONPatch{…}`, as those of mutating policies do. */
  readonly mutation?: boolean;
  /**
   * Functions and macros up to this Kubernetes version, as major.minor. Without it all there are. Kubernetes compiles
   * new expressions with the version before its own, and stored ones with all.
   */
  readonly compatibilityVersion?: string;
  /** Further functions and macros, which Kubernetes does not have. */
  readonly extensions?: readonly CelExtension[];
  /** The elements of a list or map literal may be of different types; Kubernetes refuses that. */
  readonly mixedLiterals?: boolean;
  /** Field names may be quoted with backticks; Kubernetes refuses that. */
  readonly escapedIdentifiers?: boolean;
}

/** Parts of cel-go that Kubernetes does not turn on. */
export type CelExtension = "bindings" | "encoders" | "math" | "strings";

export interface CompileOptions {
  /** The result must be one of these; without it, whatever it is. */
  readonly outputTypes?: readonly CelType[];
}

/** Beyond every version there is. */
const latest = 999;

/** Types that every expression knows by name. */
const namedTypes = new Map(
  [
    boolType,
    bytesType,
    doubleType,
    durationType,
    intType,
    listType(dynType),
    mapType(dynType, dynType),
    nullType,
    stringType,
    timestampType,
    typeType,
    uintType,
  ].map((type) => [type.name, type]),
);

const mutationFunctions = new Map(jsonPatchFunctions.map((declared) => [declared.name, declared]));

/** What expressions of one kind may use. Cheap to make: functions are declared once for all environments. */
export class CelEnvironment {
  readonly #options: CelEnvironmentOptions;
  readonly #set: FunctionSet;
  readonly #names: readonly string[];
  readonly #declarations: Declarations;

  constructor(options: CelEnvironmentOptions) {
    this.#options = options;
    this.#set = functionSet(minorOf(options.compatibilityVersion), options.extensions);
    this.#names = Object.keys(options.variables);
    const structs = new Map<string, CelType>();
    for (const type of Object.values(options.variables)) collectStructs(type, structs);
    this.#declarations = {
      container: "",
      variable: (name) => (Object.hasOwn(options.variables, name) ? options.variables[name] : undefined),
      type: (name) =>
        namedTypes.get(name) ??
        this.#set.types.get(name) ??
        structs.get(name) ??
        (options.mutation === true ? mutationType(name) : undefined),
      function: (name) => this.#function(name),
    };
  }

  /** The same with further variables; of equal names the new one counts. */
  extend(variables: Readonly<Record<string, CelType>>): CelEnvironment {
    return new CelEnvironment({ ...this.#options, variables: { ...this.#options.variables, ...variables } });
  }

  /** A program, or all that is wrong with the expression. */
  compile(text: string, options: CompileOptions = {}): CelProgram | CelCompileError {
    const issues = new Issues(new Source(text));
    const expr = this.#checked(issues);
    if (expr === undefined) return new CelCompileError("compilation", issues.toString(), issues.sorted());
    const outputType = expr.type ?? dynType;
    if (
      options.outputTypes !== undefined &&
      !options.outputTypes.some((type) => sameType(type, outputType))
    ) {
      return new CelCompileError("output", outputMessage(options.outputTypes));
    }
    try {
      const context: PlanContext = {
        globalIndex: (name) => this.#names.indexOf(name),
        function: (name) => this.#function(name),
        construct: constructObject,
      };
      const evaluators = { atOnce: plan(expr, context), inParts: () => planResumable(expr, context) };
      return new CompiledProgram(text, expr, evaluators, this.#options.variables);
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      return new CelCompileError("instantiation", error.message);
    }
  }

  #function(name: string): FunctionDeclaration | undefined {
    const known = this.#set.functions.get(name);
    return known ?? (this.#options.mutation === true ? mutationFunctions.get(name) : undefined);
  }

  #checked(issues: Issues): Expr | undefined {
    const { macros, modern, validatesLiterals } = this.#set;
    const { escapedIdentifiers = false, mixedLiterals = false } = this.#options;
    const expr = parse(issues.source, issues, { macros, optionalSyntax: modern, escapedIdentifiers });
    if (issues.count > 0) return undefined;
    check(expr, this.#declarations, issues);
    if (issues.count > 0) return undefined;
    validateLiterals(expr, issues, { convertible: validatesLiterals, mixed: mixedLiterals });
    return issues.count > 0 ? undefined : expr;
  }
}

function minorOf(version: string | undefined): number {
  const minor = version === undefined ? undefined : /^1\.(\d+)/u.exec(version)?.[1];
  return minor === undefined ? latest : Number(minor);
}

function outputMessage(types: readonly CelType[]): string {
  const names = types.map(typeName);
  return names.length === 1 ? `must evaluate to ${names[0]}` : `must evaluate to one of [${names.join(" ")}]`;
}

function collectStructs(type: CelType, into: Map<string, CelType>): void {
  if (type.kind === "struct" && !into.has(type.name)) {
    into.set(type.name, type);
    for (const { type: field } of type.fields?.values() ?? []) collectStructs(field, into);
  }
  for (const param of type.params) collectStructs(param, into);
}
