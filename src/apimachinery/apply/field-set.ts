import { isObject } from "../json.ts";
import { sharedTree } from "./shared-trees.ts";

/**
 * A set of field paths, kept in the form of FieldsV1 itself, so that sets from storage need no decoding:
 *
 *   { "f:spec": { "f:replicas": {}, "f:template": { "f:spec": { "f:containers": {
 *       "k:{\"name\":\"web\"}": { ".": {}, "f:image": {} } } } } } }
 *
 * A step is `f:` field, `k:` list item by its keys, `v:` item of a set by its value, `i:` item by index. A node is a
 * member of the set when it has no children or holds ".". Trees are never changed once made; operations share parts.
 * Semantics mirror fieldpath.Set of sigs.k8s.io/structured-merge-diff.
 */
export interface FieldTree {
  readonly [step: string]: FieldTree;
}

const leaf: FieldTree = Object.freeze({});

/** True for a node, not the root, that is itself in the set. */
function isMember(node: FieldTree): boolean {
  for (const step in node) if (step !== ".") return node["."] !== undefined;
  return true;
}

function hasChildren(node: FieldTree): boolean {
  for (const step in node) if (step !== ".") return true;
  return false;
}

function hasSteps(node: FieldTree): boolean {
  for (const _step in node) return true;
  return false;
}

/**
 * Room for children like the node's. Names of fields are few, keys of items are without end: an address of each pod. As
 * names of a plain object each of them would be a shape of its own, which the engine keeps beside the object; one of
 * which something was deleted has none.
 */
function childrenLike(node: FieldTree): Record<string, FieldTree> {
  for (const step in node) if (step !== ".") return childrenWith(step);
  return {};
}

function childrenWith(first: string): Record<string, FieldTree> {
  if (first.startsWith("f:")) return {};
  const children: Record<string, FieldTree> = { shape: leaf, without: leaf };
  delete children["shape"];
  delete children["without"];
  return children;
}

/** A node of the given children, which it takes over; undefined when it would be neither a member nor have any. */
function newNode(member: boolean, children: Record<string, FieldTree>): FieldTree | undefined {
  if (!hasSteps(children)) return member ? leaf : undefined;
  if (member) children["."] = leaf;
  return children;
}

/** The second, the very same, where it holds the first: most updates change what their manager has changed before. */
function unionOf(a: FieldTree, b: FieldTree): FieldTree {
  if (a === b) return b;
  const children = childrenLike(a);
  const member = isMember(a) || isMember(b);
  let isSecond = isMember(b) === member;
  for (const step of Object.keys(a)) {
    const [left, right] = [a[step], b[step]];
    if (step === "." || left === undefined) continue;
    const both = right === undefined ? left : unionOf(left, right);
    children[step] = both;
    isSecond &&= both === right;
  }
  if (isSecond) return b;
  for (const step of Object.keys(b)) {
    const right = b[step];
    if (step !== "." && right !== undefined && a[step] === undefined) children[step] = right;
  }
  return newNode(member, children) ?? leaf;
}

function intersectionOf(a: FieldTree, b: FieldTree): FieldTree | undefined {
  if (a === b) return a;
  const children = childrenLike(a);
  for (const step of Object.keys(a)) {
    const [left, right] = [a[step], b[step]];
    if (step === "." || left === undefined || right === undefined) continue;
    const both = intersectionOf(left, right);
    if (both !== undefined) children[step] = both;
  }
  return newNode(isMember(a) && isMember(b), children);
}

/** With `recursive`, a member of `b` takes all that lies below it out of `a`. */
function differenceOf(a: FieldTree, b: FieldTree, recursive: boolean): FieldTree | undefined {
  if (recursive && isMember(b)) return undefined;
  let changed = isMember(a) && isMember(b);
  const children = childrenLike(a);
  for (const step of Object.keys(a)) {
    const [left, right] = [a[step], b[step]];
    if (step === "." || left === undefined) continue;
    const rest = right === undefined ? left : differenceOf(left, right, recursive);
    if (rest !== left) changed = true;
    if (rest !== undefined) children[step] = rest;
  }
  return changed ? newNode(isMember(a) && !isMember(b), children) : a;
}

/** Steps in the order of upstream: fields, keys, values, indexes; numbers by their value. */
export function compareSteps(a: string, b: string): number {
  if (a.startsWith("f:") && b.startsWith("f:")) return a < b ? -1 : a > b ? 1 : 0;
  const order = "fkvi";
  const byKind = order.indexOf(a.charAt(0)) - order.indexOf(b.charAt(0));
  if (byKind !== 0) return byKind;
  return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
}

function compareValues(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (isObject(a) && isObject(b)) {
    const [left, right] = [Object.entries(a), Object.entries(b)];
    for (const [index, [name, value]] of left.entries()) {
      const [otherName = "", otherValue] = right[index] ?? [];
      if (name !== otherName) return name < otherName ? -1 : 1;
      const order = compareValues(value, otherValue);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function sortedTree(node: FieldTree, depth: number): FieldTree {
  if (node === leaf) return leaf;
  const steps: string[] = [];
  for (const step in node) if (step !== ".") steps.push(step);
  if (steps.length === 0) return leaf;
  if (steps.length > 1) steps.sort(compareSteps);
  const result = childrenLike(node);
  if (depth > 0 && node["."] !== undefined) result["."] = leaf;
  for (const step of steps) result[step] = sortedTree(node[step] ?? leaf, depth + 1);
  return depth === sharedDepth ? sharedTree(result) : result;
}

function isSorted(node: FieldTree): boolean {
  let before: string | undefined;
  for (const step in node) {
    if (step === ".") {
      if (before !== undefined) return false;
      continue;
    }
    if (before !== undefined && compareSteps(before, step) > 0) return false;
    if (!isSorted(node[step] ?? leaf)) return false;
    before = step;
  }
  return true;
}

/** `f:status` and `f:conditions`, say: above, little is the same in two objects. */
const sharedDepth = 2;

export class FieldSet {
  static readonly empty = new FieldSet({});

  /** The root is never a member; a "." there is ignored. */
  readonly tree: FieldTree;
  /** It was read, and may be written as it is. */
  readonly #isRead: boolean;

  constructor(tree: FieldTree, isRead = false) {
    this.tree = tree;
    this.#isRead = isRead;
  }

  /** The set of an entry of managedFields. The value is used as it is and must not change afterwards. */
  static fromFieldsV1(fields: unknown): FieldSet {
    if (!isObject(fields)) return FieldSet.empty;
    return new FieldSet(fields as FieldTree, true);
  }

  /** Paths as lists of steps: `[["f:spec", "f:replicas"]]`. */
  static fromPaths(paths: readonly (readonly string[])[]): FieldSet {
    const builder = new FieldSetBuilder();
    for (const path of paths) builder.insert(path);
    return builder.build();
  }

  /** With steps in their canonical order. */
  toFieldsV1(): Record<string, unknown> {
    if (this.#isRead && this.tree["."] === undefined && isSorted(this.tree)) return this.tree;
    return { ...sortedTree(this.tree, 0) };
  }

  isEmpty(): boolean {
    return !hasChildren(this.tree);
  }

  has(path: readonly string[]): boolean {
    let node = this.tree;
    for (const step of path) {
      const child = node[step];
      if (child === undefined) return false;
      node = child;
    }
    return path.length > 0 && isMember(node);
  }

  /** True when the step, from the root, is itself in the set. */
  hasStep(step: string): boolean {
    const child = this.tree[step];
    return child !== undefined && isMember(child);
  }

  /** What lies below a step; undefined when nothing does. */
  below(step: string): FieldSet | undefined {
    const child = this.tree[step];
    return child === undefined || !hasChildren(child) ? undefined : new FieldSet(child);
  }

  /** The steps from the root that lead to members below them. */
  stepsWithChildren(): string[] {
    return Object.keys(this.tree).filter((step) => step !== "." && hasChildren(this.tree[step] ?? leaf));
  }

  /** The other set itself where it has all members of this one. */
  union(other: FieldSet): FieldSet {
    if (this.isEmpty()) return other;
    if (other.isEmpty()) return this;
    const tree = unionOf(this.tree, other.tree);
    return tree === other.tree ? other : new FieldSet(tree);
  }

  intersection(other: FieldSet): FieldSet {
    return new FieldSet(intersectionOf(this.tree, other.tree) ?? leaf);
  }

  /** Members that are not members of the other set; the same set when they have none in common. */
  difference(other: FieldSet): FieldSet {
    if (this.isEmpty() || other.isEmpty()) return this;
    const rest = differenceOf(withoutRootMember(this.tree), withoutRootMember(other.tree), false) ?? leaf;
    return rest === this.tree ? this : new FieldSet(rest);
  }

  /** Without the other set's members and all that lies below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    if (this.isEmpty() || other.isEmpty()) return this;
    const rest = differenceOf(this.tree, other.tree, true) ?? leaf;
    return rest === this.tree ? this : new FieldSet(rest);
  }

  equals(other: FieldSet): boolean {
    return this === other || (this.difference(other).isEmpty() && other.difference(this).isEmpty());
  }

  /** All members as lists of steps: at each level first the members, then what lies below, in canonical order. */
  paths(): string[][] {
    const paths: string[][] = [];
    collect(this.tree, [], paths);
    return paths;
  }
}

/** The root is no member, though a childless node looks like one. */
function withoutRootMember(tree: FieldTree): FieldTree {
  if (tree["."] === undefined) return tree;
  const { ".": _member, ...children } = tree;
  return children;
}

function collect(node: FieldTree, prefix: readonly string[], paths: string[][]): void {
  const steps = Object.keys(node)
    .filter((step) => step !== ".")
    .sort(compareSteps);
  for (const step of steps) if (isMember(node[step] ?? leaf)) paths.push([...prefix, step]);
  for (const step of steps) {
    const child = node[step] ?? leaf;
    if (hasChildren(child)) collect(child, [...prefix, step], paths);
  }
}

/** Builds a set path by path. */
export class FieldSetBuilder {
  readonly #root: MutableNode = { member: false, children: undefined };

  insert(path: readonly string[]): void {
    let node = this.#root;
    for (const step of path) {
      node.children ??= new Map();
      let child = node.children.get(step);
      if (child === undefined) {
        child = { member: false, children: undefined };
        node.children.set(step, child);
      }
      node = child;
    }
    node.member = true;
  }

  isEmpty(): boolean {
    return this.#root.children === undefined;
  }

  build(): FieldSet {
    if (this.#root.children === undefined) return FieldSet.empty;
    return new FieldSet(freezeNode({ member: false, children: this.#root.children }) ?? leaf);
  }
}

interface MutableNode {
  member: boolean;
  children: Map<string, MutableNode> | undefined;
}

function freezeNode({ member, children }: MutableNode): FieldTree | undefined {
  let built: Record<string, FieldTree> | undefined;
  for (const [step, child] of children ?? []) {
    const node = freezeNode(child);
    if (node === undefined) continue;
    built ??= childrenWith(step);
    built[step] = node;
  }
  return newNode(member, built ?? {});
}

/** `.spec.template.spec.containers[name="web"].image`: how conflicts name a path. */
export function formatFieldPath(path: readonly string[]): string {
  return path.map(formatStep).join("");
}

function formatStep(step: string): string {
  const text = step.slice(2);
  switch (step.charAt(0)) {
    case "f":
      return `.${text}`;
    case "k": {
      const keys = JSON.parse(text) as Record<string, unknown>;
      const pairs = Object.entries(keys).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
      return `[${pairs.join(",")}]`;
    }
    case "v":
      return `[=${text}]`;
    default:
      return `[${text}]`;
  }
}
