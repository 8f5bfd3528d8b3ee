import { deepEqual, isObject } from "../../../apimachinery/json.ts";
import type { SchemaNode } from "./schema-node.ts";

/**
 * A value and what it was before, followed downwards together: what was wrong already and has not changed is let
 * through. Items of lists can be followed in lists that are maps only (mirrors k8s.io/apiserver/pkg/cel/common).
 */
export class Correlation {
  readonly value: unknown;
  readonly old: unknown;
  readonly #schema: SchemaNode;
  readonly #children = new Map<string | number, Correlation>();
  #isSame: boolean | undefined;

  constructor(value: unknown, old: unknown, schema: SchemaNode) {
    this.value = value;
    this.old = old;
    this.#schema = schema;
  }

  /** Whether the value is what it was. */
  get isSame(): boolean {
    this.#isSame ??= deepEqual(this.value, this.old);
    return this.#isSame;
  }

  /** The member of that name, when it was there before. */
  key(name: string): Correlation | undefined {
    const known = this.#children.get(name);
    if (known !== undefined) return known;
    if (!isObject(this.value) || !isObject(this.old)) return undefined;
    if (!Object.hasOwn(this.value, name) || !Object.hasOwn(this.old, name)) return undefined;
    return this.#add(name, this.value[name], this.old[name], this.#schema.member(name));
  }

  /** The item, when the old list had one with the same keys. */
  index(index: number): Correlation | undefined {
    const known = this.#children.get(index);
    if (known !== undefined) return known;
    if (this.#schema.listType !== "map" || !Array.isArray(this.value) || !Array.isArray(this.old)) {
      return undefined;
    }
    const item: unknown = this.value[index];
    const old = sameItem(this.#schema, item, this.old);
    return old === undefined || old === null ? undefined : this.#add(index, item, old, this.#schema.items);
  }

  #add(step: string | number, value: unknown, old: unknown, schema: SchemaNode | undefined) {
    if (schema === undefined) return undefined;
    const child = new Correlation(value, old, schema);
    this.#children.set(step, child);
    return child;
  }
}

/** The item of the other list that has the same keys; the first one when there are several. */
export function sameItem(list: SchemaNode, item: unknown, others: readonly unknown[]): unknown {
  if (!isObject(item)) return undefined;
  return others.find(
    (other) =>
      isObject(other) && list.mapKeys.every((key) => keyOf(list, item, key) === keyOf(list, other, key)),
  );
}

/** Numbers and words are told apart by their JSON; an absent key is the default. */
const keyOf = (list: SchemaNode, item: Record<string, unknown>, key: string): string =>
  JSON.stringify(item[key] ?? list.items?.field(key)?.default ?? null);
