import { goValue } from "../go-value.ts";
import { isObject } from "../json.ts";
import { type Filter, JsonPathError, type JsonPathNode, type Operand, parseJsonPath } from "./parser.ts";

/**
 * Templates of JSONPath as k8s.io/client-go/util/jsonpath understands them: text with paths in braces, `{range}` and
 * `{end}`, filters, unions, slices and recursive descent.
 */
export class JsonPath {
  readonly #nodes: readonly JsonPathNode[];
  readonly #allowMissing: boolean;

  /** Throws JsonPathError. */
  constructor(template: string, { allowMissing = false }: { allowMissing?: boolean } = {}) {
    this.#nodes = parseJsonPath(template);
    this.#allowMissing = allowMissing;
  }

  /** The values of every path of the template, one list for each. Throws JsonPathError. */
  find(root: unknown): unknown[][] {
    return new Evaluation(root, this.#allowMissing).lists(this.#nodes, [root]);
  }
}

class Evaluation {
  readonly #root: unknown;
  readonly #allowMissing: boolean;

  constructor(root: unknown, allowMissing: boolean) {
    this.#root = root;
    this.#allowMissing = allowMissing;
  }

  /** One list of values for each part of a template. A range repeats what stands up to its end. */
  lists(nodes: readonly JsonPathNode[], current: readonly unknown[]): unknown[][] {
    const lists: unknown[][] = [];
    for (const node of nodes) {
      if (node.type === "range") {
        for (const value of this.#walk(node.path, current)) lists.push(...this.lists(node.body, [value]));
      } else if (node.type === "action") lists.push(this.#walk(node.path, current));
      else lists.push(this.#step(node, current));
    }
    return lists;
  }

  #walk(path: readonly JsonPathNode[], start: readonly unknown[]): unknown[] {
    let values: readonly unknown[] = start;
    for (const node of path) values = this.#step(node, values);
    return [...values];
  }

  #step(node: JsonPathNode, values: readonly unknown[]): unknown[] {
    switch (node.type) {
      case "text":
      case "literal":
        return [node.value];
      case "root":
        return [this.#root];
      case "current":
        return [...values];
      case "field":
        return this.#field(node.name, values);
      case "wildcard":
        return values.flatMap((value) =>
          Array.isArray(value) ? value : isObject(value) ? sortedValues(value) : [],
        );
      case "array":
        return values.flatMap((value) => this.#slice(node, value));
      case "union":
        return node.paths.flatMap((path) => this.#walk(path, values));
      case "recursive":
        return values.flatMap(descendants);
      case "filter":
        return values.flatMap((value) => this.#filter(node.filter, value));
      case "action":
        return this.#walk(node.path, values);
      case "range":
        return [];
    }
  }

  #field(name: string, values: readonly unknown[]): unknown[] {
    if (values.length === 0) return [];
    const found: unknown[] = values.flatMap((value) => {
      if (!isObject(value) || value[name] === undefined) return [];
      return [value[name]];
    });
    if (found.length === 0 && !this.#allowMissing) throw new JsonPathError(`${name} is not found`);
    return found;
  }

  #slice(node: Extract<JsonPathNode, { type: "array" }>, value: unknown): unknown[] {
    if (value === null || value === undefined) return [];
    if (!Array.isArray(value)) {
      throw new JsonPathError(`${goValue(value)} is not array or slice`);
    }
    const { length } = value;
    if (node.end === undefined && node.single) {
      const index = (node.start ?? 0) < 0 ? (node.start ?? 0) + length : (node.start ?? 0);
      if (index >= length || index < 0) {
        if (this.#allowMissing) return [];
        throw new JsonPathError(`array index out of bounds: index ${index}, length ${length}`);
      }
      return [value[index]];
    }
    const bound = (at: number): number => (at < 0 ? at + length : at);
    const start = bound(node.start ?? 0);
    const end = Math.min(bound(node.end ?? length), length);
    const step = node.step ?? 1;
    if (step <= 0) throw new JsonPathError("step must be > 0");
    const picked: unknown[] = [];
    for (let at = Math.max(0, start); at < end; at += step) picked.push(value[at]);
    return picked;
  }

  #filter(filter: Filter, value: unknown): unknown[] {
    if (!Array.isArray(value)) return [];
    return value.filter((item) => this.#holds(filter, item));
  }

  #holds({ left, operator, right }: Filter, item: unknown): boolean {
    const lefts = this.#operand(left, item);
    if (operator === "exists") return lefts.length > 0;
    if (right === undefined || lefts.length === 0) return false;
    if (lefts.length > 1) throw new JsonPathError("can only compare one element at a time");
    const rights = this.#operand(right, item);
    if (rights.length === 0) return false;
    if (rights.length > 1) throw new JsonPathError("can only compare one element at a time");
    return compare(lefts[0], operator, rights[0]);
  }

  #operand(operand: Operand, item: unknown): unknown[] {
    if (operand.type === "literal") return [operand.value];
    // A field that is missing makes no match; it is no error.
    return new Evaluation(this.#root, true).#walk(operand.path, [item]);
  }
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  switch (operator) {
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    default:
      return inOrder(left, operator, right);
  }
}

function inOrder(left: unknown, operator: string, right: unknown): boolean {
  const isPair =
    (typeof left === "number" && typeof right === "number") ||
    (typeof left === "string" && typeof right === "string");
  if (!isPair) throw new JsonPathError("incompatible types for comparison");
  const [a, b] = [left as number, right as number];
  if (operator === "<") return a < b;
  if (operator === "<=") return a <= b;
  return operator === ">" ? a > b : a >= b;
}

const sortedValues = (value: Record<string, unknown>): unknown[] =>
  Object.keys(value)
    .sort()
    .map((key) => value[key]);

/** The value and all below it that can have members. */
function descendants(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  const children: unknown[] = Array.isArray(value) ? value : sortedValues(value as Record<string, unknown>);
  return [value, ...children.flatMap(descendants)];
}
