import { isObject } from "../json.ts";
import { type FieldSet, FieldSetBuilder } from "./field-set.ts";
import {
  type ListType,
  type MapType,
  type MergeType,
  memberType,
  shapeOf,
  stepOfItem,
} from "./merge-type.ts";

/** All fields that an object sets, as ownership knows them. */
export function fieldSetOf(object: unknown, type: MergeType): FieldSet {
  const builder = new FieldSetBuilder();
  visit(object, type, [], builder);
  return builder.build();
}

function visit(value: unknown, type: MergeType, path: string[], set: FieldSetBuilder): void {
  const shape = shapeOf(type, value);
  if (shape.kind === "scalar") set.insert(path);
  else if (shape.kind === "list") visitList(value, shape, path, set);
  else visitMap(value, shape, path, set);
}

function visitList(value: unknown, type: ListType, path: string[], set: FieldSetBuilder): void {
  if (type.relationship === "atomic") {
    set.insert(path);
    return;
  }
  if (!Array.isArray(value)) return;
  const seen = new Set<string>();
  for (const item of value as unknown[]) {
    const step = stepOfItem(type, item);
    if (step === undefined) continue;
    path.push(step);
    if (!seen.has(step)) visit(item, type.item(), path, set);
    set.insert(path);
    seen.add(step);
    path.pop();
  }
}

function visitMap(value: unknown, type: MapType, path: string[], set: FieldSetBuilder): void {
  if (type.isAtomic) {
    set.insert(path);
    return;
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    const child = value[key];
    if (child === undefined) continue;
    path.push(`f:${key}`);
    visit(child, memberType(type, key), path, set);
    // A key of a map is owned itself, a field of a struct only through what it holds.
    if (isEmptyValue(child) || type.field(key) === undefined) set.insert(path);
    path.pop();
  }
}

function isEmptyValue(value: unknown): boolean {
  return value === null || (isObject(value) && Object.keys(value).length === 0);
}
