import { FieldSet, type FieldTree } from "./field-set.ts";
import type { MergeType } from "./merge-type.ts";

/**
 * What a manager owns under the schema of today: of a list or a map that it owned a part of, and that is owned as a whole
 * now, it owns the whole. The same set where nothing of the kind has happened. What was a whole and has parts now stays as
 * it was. Mirrors typed.ReconcileFieldSetWithSchema of structured-merge-diff.
 */
export function reconcileWithSchema(set: FieldSet, type: MergeType): FieldSet {
  const tree = reconciled(set.tree, type);
  return tree === set.tree ? set : new FieldSet(tree);
}

const whole: FieldTree = Object.freeze({});

/** A node without children is a leaf, and whole already. */
function reconciled(node: FieldTree, type: MergeType): FieldTree {
  const steps = Object.keys(node).filter((step) => step !== ".");
  if (steps.length === 0 || type.kind === "scalar") return node;
  if (type.kind === "untyped") return type.isDeduced ? node : whole;
  if (type.kind === "list" ? type.relationship === "atomic" : type.isAtomic) return whole;
  let changed: Record<string, FieldTree> | undefined;
  for (const step of steps) {
    const child = node[step];
    const childType = typeBelow(type, step);
    if (child === undefined || childType === undefined) continue;
    const now = reconciled(child, childType);
    if (now === child) continue;
    changed ??= { ...node };
    changed[step] = now;
  }
  return changed ?? node;
}

/** Undefined for what the schema does not have: nothing is known of it. */
function typeBelow(
  type: Exclude<MergeType, { kind: "scalar" | "untyped" }>,
  step: string,
): MergeType | undefined {
  if (type.kind === "list") return type.item();
  return (step.startsWith("f:") ? type.field(step.slice(2)) : undefined) ?? type.values();
}
