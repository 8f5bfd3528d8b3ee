import { anyValue } from "./any-value.ts";
import type { Dice } from "./dice.ts";
import { oddManagedFields } from "./mutate-object.ts";

export const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;
export type PatchType = keyof typeof patchTypes;

const pointers = [
  "",
  "/",
  "//",
  "/metadata",
  "/metadata/labels",
  "/metadata/labels/fuzz",
  "/metadata/labels/-",
  "/metadata/annotations/a~1b",
  "/metadata/name",
  "/metadata/uid",
  "/metadata/resourceVersion",
  "/metadata/managedFields",
  "/metadata/managedFields/0",
  "/metadata/finalizers/-",
  "/metadata/finalizers/0",
  "/metadata/finalizers/-1",
  "/metadata/finalizers/00",
  "/metadata/finalizers/1e0",
  "/metadata/finalizers/99999999999999999999",
  "/spec",
  "/spec/replicas",
  "/spec/template",
  "/spec/containers/0",
  "/spec/containers/0/image",
  "/spec/containers/-",
  "/spec/template/spec/containers/0",
  "/data",
  "/data/key",
  "/status",
  "/kind",
  "/apiVersion",
  "/~2",
  "/~",
  "/__proto__",
  "/__proto__/polluted",
  "/constructor/prototype/x",
  "metadata",
  `/${"a/".repeat(3000)}`,
] as const;
const operations = ["add", "remove", "replace", "move", "copy", "test", "", "x"] as const;

function operation(dice: Dice): Record<string, unknown> {
  const made: Record<string, unknown> = { op: dice.pick(operations), path: dice.pick(pointers) };
  if (dice.percent(75)) made["value"] = anyValue(dice);
  if (made["op"] === "move" || made["op"] === "copy" || dice.percent(5)) made["from"] = dice.pick(pointers);
  if (dice.percent(4)) delete made[dice.pick(["op", "path"] as const)];
  if (dice.percent(4)) made[dice.pick(["op", "path", "from"] as const)] = anyValue(dice);
  return made;
}

/** A list of operations; rarely one that grows what it copies, or that is longer than is taken. */
export function jsonPatch(dice: Dice): unknown {
  if (dice.percent(4)) return anyValue(dice);
  if (dice.percent(1)) {
    const copies = Array.from({ length: 40 }, (_, n) => ({
      op: "copy",
      from: "/metadata/annotations",
      path: `/metadata/annotations/x${n}`,
    }));
    return [{ op: "add", path: "/metadata/annotations", value: { a: "b" } }, ...copies];
  }
  if (dice.percent(1)) {
    const one = { op: "test", path: "/kind", value: "Pod" };
    return Array.from({ length: dice.pick([9_999, 10_001]) }, () => one);
  }
  return Array.from({ length: 1 + dice.below(4) }, () => operation(dice));
}

const directives: readonly Record<string, unknown>[] = [
  { $patch: "replace" },
  { $patch: "delete" },
  { $patch: "merge" },
  { $patch: "x" },
  { $patch: 5 },
  { $retainKeys: ["a"] },
  { $retainKeys: "a" },
  { $retainKeys: [1, null] },
  { "$setElementOrder/containers": [{ name: "c" }] },
  { "$setElementOrder/containers": ["c"] },
  { "$setElementOrder/containers": 5 },
  { "$setElementOrder/finalizers": ["a", "b", "a"] },
  { "$setElementOrder/nothing": [] },
  { "$deleteFromPrimitiveList/finalizers": ["example.com/fuzz"] },
  { "$deleteFromPrimitiveList/finalizers": {} },
  { "$deleteFromPrimitiveList/containers": [{}] },
  { $unknown: 1 },
  { containers: [{ name: "c", $patch: "delete" }] },
  { containers: [{ $patch: "replace" }] },
  { containers: [{ image: "no key" }] },
  { containers: [null, 5, "x", []] },
  { containers: { name: "c" } },
  { strategy: { $retainKeys: ["type"], type: "Recreate" } },
  { volumes: [{ name: "v", $retainKeys: ["name"], emptyDir: {} }] },
  { ports: [{ port: 80, $patch: "delete" }] },
  { finalizers: [null] },
];

/** Part of the object with directives in any of its places. */
export function strategicPatch(dice: Dice, object: Record<string, unknown>): unknown {
  if (dice.percent(3)) return anyValue(dice);
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(object)) if (dice.percent(50)) patch[key] = object[key];
  for (let left = dice.below(3); left > 0; left--) {
    const directive = dice.pick(directives);
    const place = dice.pick(["", "metadata", "spec", "spec.template.spec", "status", "data"] as const);
    merge(patch, place === "" ? [] : place.split("."), directive);
  }
  return patch;
}

function merge(
  target: Record<string, unknown>,
  path: readonly string[],
  value: Record<string, unknown>,
): void {
  const [head, ...rest] = path;
  if (head === undefined) {
    Object.assign(target, value);
    return;
  }
  const current = target[head];
  const inner: Record<string, unknown> =
    typeof current === "object" && current !== null && !Array.isArray(current) ? { ...current } : {};
  target[head] = inner;
  merge(inner, rest, value);
}

/** Part of the object with other values, and null for what is to go. */
export function mergePatch(dice: Dice, object: Record<string, unknown>): unknown {
  if (dice.percent(4)) return anyValue(dice);
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    if (dice.percent(40)) patch[key] = dice.percent(30) ? anyValue(dice) : object[key];
  }
  return patch;
}

/** What a client applies. */
export function applied(dice: Dice, object: Record<string, unknown>): unknown {
  const metadata = object["metadata"];
  if (dice.percent(8) && typeof metadata === "object" && metadata !== null) {
    return { ...object, metadata: { ...metadata, managedFields: oddManagedFields(dice) } };
  }
  return object;
}
