import { deepFreeze } from "../json.ts";
import type { FieldTree } from "./field-set.ts";

/** Of less there is little to gain, and most of it is particular: addresses. */
const textMin = 150;
const textMax = 2_000;
const treesMax = 500;
const trees = new Map<string, FieldTree>();

/**
 * The same tree for equal ones, frozen, as far as they were seen lately: who owns which conditions of a pod's status is
 * the same for thousands of pods. Small trees and very large ones come back as they are.
 */
export function sharedTree(tree: FieldTree): FieldTree {
  const text = JSON.stringify(tree);
  if (text.length < textMin || text.length > textMax) return tree;
  const known = trees.get(text);
  if (known !== undefined) return known;
  if (trees.size >= treesMax) trees.clear();
  trees.set(text, deepFreeze(tree));
  return tree;
}
