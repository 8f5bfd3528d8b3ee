import type { ResourceInfo } from "../../../src/api/scheme.ts";
import { isObject } from "../../../src/apimachinery/json.ts";
import { resolveSchema } from "../../../src/apimachinery/schema.ts";
import { anyValue, oddTexts, valueOf } from "./any-value.ts";
import type { Dice } from "./dice.ts";
import { schemaOfKind, scheme } from "./kinds.ts";

type Container = Record<string, unknown> | unknown[];

/** Changes the object in place, in one way. */
export function mutateObject(dice: Dice, info: ResourceInfo, object: Record<string, unknown>): void {
  dice.weighted<() => void>([
    [5, () => fillFromSchema(dice, info, object)],
    [3, () => replaceSomewhere(dice, object)],
    [2, () => removeSomewhere(dice, object)],
    [2, () => addSomewhere(dice, object)],
    [1, () => setMetadata(dice, object)],
    [
      1,
      () =>
        void (object["kind"] = dice.pick(["", "pod", "List", "Status", "DeleteOptions", "\u0000", "Pod"])),
    ],
    [
      1,
      () => void (object["apiVersion"] = dice.pick(["", "v1", "v2", "apps/v1/x", "/", "apps/", "v1alpha1"])),
    ],
  ])();
}

/** Sets a field that the kind has, at any depth, to a value of about its type. */
function fillFromSchema(dice: Dice, info: ResourceInfo, object: Record<string, unknown>): void {
  let schema = schemaOfKind(info);
  let target = object;
  for (let depth = 0; depth < 6; depth++) {
    const names = Object.keys(schema?.properties ?? {});
    if (names.length === 0) return;
    const name = depth === 0 && names.includes("spec") && dice.percent(70) ? "spec" : dice.pick(names);
    const child = resolveSchema(scheme.schemas, schema?.properties?.[name]);
    const current = target[name];
    if (isObject(current) && child?.properties !== undefined && dice.percent(75)) {
      target = current;
      schema = child;
      continue;
    }
    const [first] = Array.isArray(current) ? current : [];
    if (isObject(first) && dice.percent(75)) {
      target = first;
      schema = resolveSchema(scheme.schemas, child?.items);
      continue;
    }
    target[name] = valueOf(dice, child, depth);
    return;
  }
}

/** All objects and lists of the value, itself first. */
function containers(value: unknown, found: Container[] = []): Container[] {
  if (typeof value !== "object" || value === null) return found;
  found.push(value as Container);
  for (const each of Object.values(value)) containers(each, found);
  return found;
}

function replaceSomewhere(dice: Dice, object: Record<string, unknown>): void {
  const target = dice.pick(containers(object));
  const keys = Object.keys(target);
  if (keys.length > 0) set(target, dice.pick(keys), anyValue(dice));
}

function removeSomewhere(dice: Dice, object: Record<string, unknown>): void {
  const target = dice.pick(containers(object));
  const keys = Object.keys(target);
  if (keys.length === 0) return;
  if (Array.isArray(target)) target.splice(dice.below(target.length), 1);
  else delete target[dice.pick(keys)];
}

function addSomewhere(dice: Dice, object: Record<string, unknown>): void {
  const target = dice.pick(containers(object));
  if (!Array.isArray(target)) set(target, dice.pick(oddTexts), anyValue(dice));
  else target.push(target.length > 0 && dice.percent(50) ? target[0] : anyValue(dice));
}

/** `__proto__` is to be a key like any other. */
function set(target: Container, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function setMetadata(dice: Dice, object: Record<string, unknown>): void {
  const metadata = object["metadata"];
  if (!isObject(metadata)) return;
  const field = dice.pick(metadataFields);
  metadata[field] = field === "managedFields" ? oddManagedFields(dice) : anyValue(dice);
}

const metadataFields = [
  "name",
  "generateName",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "managedFields",
  "selfLink",
] as const;

const oddPaths: readonly unknown[] = [
  {},
  null,
  "x",
  { "f:metadata": { "f:labels": { "f:fuzz": {} } } },
  { "f:spec": { "f:containers": { 'k:{"name":"c"}': { ".": {}, "f:image": {} } } } },
  { "k:": {} },
  { "k:{": {} },
  { 'k:{"name":': {} },
  { "v:": {} },
  { 'v:"x"': {} },
  { "i:-1": {} },
  { "i:99999999999": {} },
  { "i:x": {} },
  { "f:": { "f:": {} } },
  { "": {} },
  { ".": { ".": {} } },
  { "x:y": {} },
  { "f:__proto__": { "f:constructor": {} } },
  { "f:spec": [] },
];

/** What clients claim to own. */
export function oddManagedFields(dice: Dice): unknown {
  if (dice.percent(10)) return anyValue(dice);
  return Array.from({ length: dice.below(4) }, () => {
    const entry: Record<string, unknown> = {
      manager: dice.pick(["m", "kubectl", "", "x".repeat(200), "é"]),
      operation: dice.pick(["Apply", "Update", "", "x"]),
      apiVersion: dice.pick(["v1", "apps/v1", "", "x/y/z", "nope/v9"]),
      time: dice.pick(["2026-01-01T00:00:00Z", null, "x"]),
      fieldsType: dice.pick(["FieldsV1", "", "FieldsV2"]),
      fieldsV1: dice.pick(oddPaths),
    };
    if (dice.percent(20)) entry["subresource"] = dice.pick(["status", "scale", "x"]);
    if (dice.percent(20)) delete entry[dice.pick(Object.keys(entry))];
    return entry;
  });
}
