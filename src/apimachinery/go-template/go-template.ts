import { goValue } from "../go-value.ts";
import { isObject } from "../json.ts";
import { isTruthy, type TemplateFunction, templateFunctions } from "./functions.ts";
import { goTypeName } from "./go-format.ts";
import {
  type Operand,
  type ParsedTemplate,
  type Pipe,
  parseGoTemplate,
  type TemplateNode,
} from "./parser.ts";

/** A template that does not fit its object; `printed` is what came out before. */
export class GoTemplateError extends Error {
  override readonly name = "GoTemplateError";
  readonly printed: string;

  constructor(message: string, printed: string) {
    super(message);
    this.printed = printed;
  }
}

export interface GoTemplateOptions {
  /** False makes a field that is not there a failure. Default true. */
  readonly allowMissing?: boolean;
  /** What error messages call it. Default `output`, as kubectl does. */
  readonly name?: string;
  /** Beside those that Go and kubectl have, and in their place where names are equal. */
  readonly functions?: Readonly<Record<string, TemplateFunction>>;
}

/** Templates of Go over one object, as `-o go-template` prints them. */
export class GoTemplate {
  readonly #parsed: ParsedTemplate;
  readonly #setting: Setting;

  /** Throws an Error in the words of Go when the template is wrong. */
  constructor(
    template: string,
    { allowMissing = true, name = "output", functions = {} }: GoTemplateOptions = {},
  ) {
    this.#setting = {
      allowMissing,
      name,
      call: (called, values) => (functions[called] ?? templateFunctions[called])?.(...values),
    };
    this.#parsed = parseGoTemplate(
      template,
      name,
      (called) =>
        lazyFunctions.has(called) ||
        Object.hasOwn(functions, called) ||
        Object.hasOwn(templateFunctions, called),
    );
  }

  /** Throws GoTemplateError in Go's words for what the object does not allow. */
  print(object: unknown): string {
    return new Execution(this.#parsed, this.#setting, object).run();
  }
}

interface Setting {
  readonly allowMissing: boolean;
  readonly name: string;
  readonly call: (name: string, values: readonly unknown[]) => unknown;
}

const lazyFunctions = new Set(["and", "or"]);
const plainText = (error: unknown): string => (error instanceof Error ? error.message : String(error));

type Jump = "break" | "continue" | undefined;

/** The variables of one block, and those around it. */
class Scope {
  readonly #values = new Map<string, unknown>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): unknown {
    return this.#values.has(name) ? this.#values.get(name) : this.#outer?.get(name);
  }

  declare(name: string, value: unknown): void {
    this.#values.set(name, value);
  }

  assign(name: string, value: unknown): void {
    if (this.#values.has(name) || this.#outer === undefined) this.#values.set(name, value);
    else this.#outer.assign(name, value);
  }
}

class Execution {
  readonly #template: ParsedTemplate;
  readonly #setting: Setting;
  readonly #root: unknown;
  #output = "";

  constructor(template: ParsedTemplate, setting: Setting, root: unknown) {
    this.#template = template;
    this.#setting = setting;
    this.#root = root;
  }

  run(): string {
    const scope = new Scope();
    scope.declare("$", this.#root);
    this.#nodes(this.#template.body, this.#root, scope);
    return this.#output;
  }

  #fail({ text, place }: { text: string; place: string }, why: string): never {
    const { name } = this.#setting;
    throw new GoTemplateError(
      `template: ${name}:${place}: executing "${name}" at <${text}>: ${why}`,
      this.#output,
    );
  }

  #nodes(nodes: readonly TemplateNode[], dot: unknown, scope: Scope): Jump {
    for (const node of nodes) {
      const jump = this.#node(node, dot, scope);
      if (jump !== undefined) return jump;
    }
    return undefined;
  }

  #node(node: TemplateNode, dot: unknown, scope: Scope): Jump {
    switch (node.kind) {
      case "text":
        this.#output += node.text;
        return undefined;
      case "action": {
        const value = this.#pipe(node.pipe, dot, scope);
        if (node.pipe.variables.length === 0) this.#output += printed(value);
        return undefined;
      }
      case "if":
      case "with": {
        const inner = new Scope(scope);
        const value = this.#pipe(node.pipe, dot, inner);
        if (isTruthy(value)) return this.#nodes(node.body, node.kind === "with" ? value : dot, inner);
        return this.#nodes(node.otherwise, dot, inner);
      }
      case "range":
        return this.#range(node, dot, scope);
      case "template": {
        const body = this.#template.named.get(node.name);
        if (body === undefined) {
          this.#fail(
            { text: `{{template ${JSON.stringify(node.name)}}}`, place: node.place },
            `template ${JSON.stringify(node.name)} not defined`,
          );
        }
        const value = node.pipe === undefined ? undefined : this.#pipe(node.pipe, dot, scope);
        const inner = new Scope();
        inner.declare("$", value);
        this.#nodes(body, value, inner);
        return undefined;
      }
      default:
        return node.kind;
    }
  }

  #range(node: TemplateNode & { kind: "range" | "if" | "with" }, dot: unknown, scope: Scope): Jump {
    const { pipe, body, otherwise } = node;
    const outer = new Scope(scope);
    const value = this.#pipe({ ...pipe, variables: [] }, dot, outer);
    const entries = this.#entries(value, pipe);
    if (entries.length === 0) return this.#nodes(otherwise, dot, outer);
    const [first, second] = pipe.variables;
    for (const [key, element] of entries) {
      const inner = new Scope(outer);
      const set = (name: string, inside: unknown): void =>
        pipe.assigns ? scope.assign(name, inside) : inner.declare(name, inside);
      if (second !== undefined && first !== undefined) {
        set(first, key);
        set(second, element);
      } else if (first !== undefined) set(first, element);
      if (this.#nodes(body, element, inner) === "break") break;
    }
    return undefined;
  }

  #entries(value: unknown, pipe: Pipe): (readonly [unknown, unknown])[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value.map((element: unknown, at) => [at, element] as const);
    if (isObject(value)) return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    if (typeof value === "number" && Number.isInteger(value)) {
      return Array.from({ length: Math.max(0, value) }, (_, at) => [at, at] as const);
    }
    const source = pipe.text.includes(":=") ? pipe.text.slice(pipe.text.indexOf(":=") + 2).trim() : pipe.text;
    this.#fail(
      { text: source, place: pipe.commands[0]?.[0]?.place ?? "" },
      `range can't iterate over ${goValue(value)}`,
    );
  }

  #pipe(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    let value: unknown;
    for (const [stage, command] of pipe.commands.entries()) {
      value = this.#command(command, dot, scope, stage === 0 ? [] : [value]);
    }
    for (const name of pipe.variables) {
      if (pipe.assigns) scope.assign(name, value);
      else scope.declare(name, value);
    }
    return value;
  }

  #command(command: readonly Operand[], dot: unknown, scope: Scope, piped: readonly unknown[]): unknown {
    const [first, ...rest] = command;
    if (first === undefined) return undefined;
    const context = { text: command.map(({ text }) => text).join(" "), place: first.place };
    if (first.base.kind === "nil") this.#fail(first, "nil is not a command");
    if (first.base.kind !== "function" || first.fields.length > 0) {
      if (rest.length > 0 || piped.length > 0) {
        const what = first.base.kind === "literal" ? "can't give argument to non-function" : "";
        const field = first.fields.at(-1);
        this.#fail(
          first,
          what === "" ? `${field ?? first.text} is not a method but has arguments` : `${what} ${first.text}`,
        );
      }
      return this.#operand(first, dot, scope);
    }
    const { name } = first.base;
    if (lazyFunctions.has(name)) return this.#lazy(name, rest, dot, scope, piped);
    const values = [...rest.map((operand) => this.#operand(operand, dot, scope)), ...piped];
    return this.#call(name, values, context);
  }

  /** `and` and `or` end at the operand that decides. */
  #lazy(
    name: string,
    rest: readonly Operand[],
    dot: unknown,
    scope: Scope,
    piped: readonly unknown[],
  ): unknown {
    let value: unknown;
    for (const operand of rest) {
      value = this.#operand(operand, dot, scope);
      if (isTruthy(value) === (name === "or")) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #call(name: string, values: readonly unknown[], context: { text: string; place: string }): unknown {
    try {
      return this.#setting.call(name, values);
    } catch (error) {
      this.#fail(context, `error calling ${name}: ${plainText(error)}`);
    }
  }

  #operand(operand: Operand, dot: unknown, scope: Scope): unknown {
    const { base, fields } = operand;
    let value: unknown;
    if (base.kind === "dot") value = dot;
    else if (base.kind === "variable") value = scope.get(base.name);
    else if (base.kind === "literal") ({ value } = base);
    else if (base.kind === "pipe") value = this.#pipe(base.pipe, dot, scope);
    else if (base.kind === "function") value = this.#call(base.name, [], operand);
    for (const field of fields) value = this.#field(value, field, operand);
    return value;
  }

  #field(value: unknown, name: string, context: Operand): unknown {
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) {
      const type = Array.isArray(value) || typeof value !== "object" ? "interface {}" : goTypeName(value);
      this.#fail(context, `can't evaluate field ${name} in type ${type}`);
    }
    if (value[name] === undefined && !this.#setting.allowMissing) {
      this.#fail(context, `map has no entry for key ${JSON.stringify(name)}`);
    }
    return value[name];
  }
}

const printed = (value: unknown): string =>
  value === undefined || value === null ? "<no value>" : goValue(value);
