import { deepEqual, isObject } from "../json.ts";
import { type FieldSet, FieldSetBuilder } from "./field-set.ts";
import {
  type ListType,
  type MapType,
  type MergeType,
  memberType,
  shapeOf,
  stepOfItem,
} from "./merge-type.ts";

/** What leads from one object to the other, as sets of the fields that ownership knows. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/**
 * Compares two objects by their type. Parts that both share by reference are skipped, so that comparing an object with
 * a changed copy of it costs only the change.
 */
export function compareObjects(before: unknown, after: unknown, type: MergeType): Comparison {
  const walker = new CompareWalker();
  walker.compare(before, after, type);
  return { added: walker.added.build(), modified: walker.modified.build(), removed: walker.removed.build() };
}

/** The comparison without the given fields and all that lies below them. */
export function excludeFields(comparison: Comparison, ignored: FieldSet): Comparison {
  if (ignored.isEmpty()) return comparison;
  return {
    added: comparison.added.recursiveDifference(ignored),
    modified: comparison.modified.recursiveDifference(ignored),
    removed: comparison.removed.recursiveDifference(ignored),
  };
}

class CompareWalker {
  readonly added = new FieldSetBuilder();
  readonly modified = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();
  readonly #path: string[] = [];

  /** undefined is absence, null a value. */
  compare(before: unknown, after: unknown, type: MergeType): void {
    if (before === after) return;
    const shape = shapeOf(type, after, before);
    if (shape.kind === "scalar") this.#leaf(before, after);
    else if (shape.kind === "list") this.#list(before, after, shape);
    else this.#map(before, after, shape);
  }

  #leaf(before: unknown, after: unknown): void {
    if (before === undefined) this.added.insert(this.#path);
    else if (after === undefined) this.removed.insert(this.#path);
    else if (!deepEqual(before, after)) this.modified.insert(this.#path);
  }

  /** After the parts: a container that came or went counts itself. */
  #container(before: unknown, after: unknown): void {
    if (before === undefined) this.added.insert(this.#path);
    else if (after === undefined) this.removed.insert(this.#path);
  }

  #below(step: string, before: unknown, after: unknown, type: MergeType): void {
    if (before === after) return;
    this.#path.push(step);
    this.compare(before, after, type);
    this.#path.pop();
  }

  #map(before: unknown, after: unknown, type: MapType): void {
    const left = isObject(before) ? before : {};
    const right = isObject(after) ? after : {};
    const leftKeys = Object.keys(left);
    const rightKeys = Object.keys(right);
    if (type.isAtomic || (leftKeys.length === 0 && rightKeys.length === 0)) return this.#leaf(before, after);
    for (const key of leftKeys) this.#below(`f:${key}`, left[key], own(right, key), memberType(type, key));
    for (const key of rightKeys) {
      if (!Object.hasOwn(left, key)) this.#below(`f:${key}`, undefined, right[key], memberType(type, key));
    }
    this.#container(before, after);
  }

  #list(before: unknown, after: unknown, type: ListType): void {
    const left: unknown[] = Array.isArray(before) ? before : [];
    const right: unknown[] = Array.isArray(after) ? after : [];
    if (type.relationship === "atomic" || (left.length === 0 && right.length === 0)) {
      return this.#leaf(before, after);
    }
    const groups = new Map<string, { before: unknown[]; after: unknown[] }>();
    const groupOf = (item: unknown) => {
      const step = stepOfItem(type, item) ?? `v:${JSON.stringify(item)}`;
      let group = groups.get(step);
      if (group === undefined) {
        group = { before: [], after: [] };
        groups.set(step, group);
      }
      return group;
    };
    for (const item of left) groupOf(item).before.push(item);
    for (const item of right) groupOf(item).after.push(item);
    for (const [step, group] of groups) this.#group(step, group.before, group.after, type);
    this.#container(before, after);
  }

  /** Items with the same keys cannot be told apart: they are one value. */
  #group(step: string, before: readonly unknown[], after: readonly unknown[], type: ListType): void {
    if (before.length <= 1 && after.length <= 1) {
      this.#below(step, before[0], after[0], type.item());
      return;
    }
    this.#path.push(step);
    this.#leaf(before.length === 0 ? undefined : before, after.length === 0 ? undefined : after);
    this.#path.pop();
  }
}

const own = (map: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(map, key) ? map[key] : undefined;
