import { isObject, setOwn } from "../json.ts";
import { type FieldSet, FieldSetBuilder } from "./field-set.ts";
import {
  type ListType,
  type MapType,
  type MergeType,
  memberType,
  shapeOf,
  stepOfItem,
} from "./merge-type.ts";

/** Merges a configuration into an object: what both have is the configuration's. Neither is changed. */
export function mergeTyped(live: unknown, applied: unknown, type: MergeType): unknown {
  if (applied === undefined) return live;
  const shape = shapeOf(type, applied, live);
  if (shape.kind === "list") return mergeLists(live, applied, shape);
  return shape.kind === "map" ? mergeMaps(live, applied, shape) : applied;
}

function mergeMaps(live: unknown, applied: unknown, type: MapType): unknown {
  if (type.isAtomic || !isObject(applied) || !isObject(live)) return applied;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(live)) {
    const change = Object.hasOwn(applied, key) ? applied[key] : undefined;
    setOwn(result, key, mergeTyped(live[key], change, memberType(type, key)));
  }
  for (const key of Object.keys(applied)) {
    if (!Object.hasOwn(live, key)) setOwn(result, key, applied[key]);
  }
  return result;
}

/**
 * Items of the configuration stand in its order; items that only the live list has keep their place among those that
 * both share, as far as the two orders agree.
 */
function mergeLists(live: unknown, applied: unknown, type: ListType): unknown {
  if (type.relationship === "atomic" || !Array.isArray(applied) || !Array.isArray(live)) return applied;
  const left = live as unknown[];
  const right = applied as unknown[];
  const leftSteps = left.map((item) => stepOfItem(type, item) ?? "");
  const rightSteps = right.map((item) => stepOfItem(type, item) ?? "");
  const leftItems = indexUnique(leftSteps, left);
  const rightItems = new Map(rightSteps.map((step, index) => [step, right[index]]));
  const known = new Set(leftSteps);
  const shared = rightSteps.filter((step) => known.has(step));
  const merged = new Set<string>();
  const result: unknown[] = [];
  const take = (step: string): void => {
    merged.add(step);
    result.push(mergeTyped(leftItems.get(step), rightItems.get(step), type.item()));
  };

  let nextShared = shared.shift();
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const leftStep = leftSteps[l];
    const rightStep = rightSteps[r];
    if (leftStep !== undefined && rightStep !== undefined) {
      if (leftStep === rightStep) {
        take(leftStep);
        l++;
        r++;
        nextShared = shared.shift();
        continue;
      }
      if (rightItems.has(leftStep) && nextShared !== undefined && nextShared !== leftStep) {
        l++;
        continue;
      }
    }
    if (leftStep !== undefined) {
      if (!rightItems.has(leftStep)) {
        result.push(left[l]);
        l++;
        continue;
      }
      if (merged.has(leftStep)) l++;
    }
    if (rightStep !== undefined) {
      take(rightStep);
      r++;
      if (nextShared === rightStep) nextShared = shared.shift();
    }
  }
  return result;
}

/** Items whose keys are not unique are left out: none of them is the one meant. */
function indexUnique(steps: readonly string[], items: readonly unknown[]): Map<string, unknown> {
  const index = new Map<string, unknown>();
  const duplicates = new Set<string>();
  for (const [position, step] of steps.entries()) {
    if (index.has(step)) duplicates.add(step);
    index.set(step, items[position]);
  }
  for (const step of duplicates) index.delete(step);
  return index;
}

/** The object without the set's members. Parts that are not touched are shared; undefined when nothing is left. */
export function removeItems(value: unknown, set: FieldSet, type: MergeType): unknown {
  const shape = shapeOf(type, value);
  if (shape.kind === "scalar") return value;
  if (shape.kind === "list") return removeFromList(value, set, shape);
  return removeFromMap(value, set, shape);
}

function removeFromMap(value: unknown, set: FieldSet, type: MapType): unknown {
  if (!isObject(value) || type.isAtomic) return undefined;
  const result: Record<string, unknown> = {};
  let isEmpty = true;
  for (const key of Object.keys(value)) {
    const step = `f:${key}`;
    if (set.hasStep(step)) continue;
    const below = set.below(step);
    const rest = below === undefined ? value[key] : removeItems(value[key], below, memberType(type, key));
    if (rest === undefined) continue;
    setOwn(result, key, rest);
    isEmpty = false;
  }
  return isEmpty ? undefined : result;
}

function removeFromList(value: unknown, set: FieldSet, type: ListType): unknown {
  if (!Array.isArray(value) || type.relationship === "atomic") return undefined;
  const result: unknown[] = [];
  for (const item of value as unknown[]) {
    const step = stepOfItem(type, item) ?? "";
    if (set.hasStep(step)) continue;
    const below = set.below(step);
    result.push(below === undefined ? item : (removeItems(item, below, type.item()) ?? {}));
  }
  return result.length === 0 ? undefined : result;
}

/** The set with every declared field that leads to a member as a member itself. */
export function withNamedFields(set: FieldSet, type: MergeType): FieldSet {
  return set.isEmpty() ? set : set.union(namedFieldsOf(set, type));
}

function namedFieldsOf(set: FieldSet, type: MergeType): FieldSet {
  const builder = new FieldSetBuilder();
  insertNamed(set, type, [], builder);
  return builder.build();
}

function insertNamed(set: FieldSet, type: MergeType, path: string[], builder: FieldSetBuilder): void {
  for (const step of set.stepsWithChildren()) {
    const below = set.below(step);
    if (below === undefined) continue;
    path.push(step);
    const isField = type.kind === "map" && step.startsWith("f:");
    if (isField && type.field(step.slice(2)) !== undefined) builder.insert(path);
    insertNamed(below, childType(type, step), path, builder);
    path.pop();
  }
}

function childType(type: MergeType, step: string): MergeType {
  if (type.kind === "map") return memberType(type, step.slice(2));
  return type.kind === "list" ? type.item() : type;
}
