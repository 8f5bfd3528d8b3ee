import { deepCopy } from "../json.ts";
import type { Schema, SchemaSet } from "../schema.ts";
import { newBadRequest, newStatusError } from "../status.ts";
import { diffMaps } from "./strategic-diff.ts";
import { type MergeOptions, mergeMap } from "./strategic-merge.ts";
import {
  badPrimitiveList,
  badRetainKeys,
  badSetElementOrder,
  isMap,
  type JsonMap,
  PatchFormatError,
  type Typed,
} from "./strategic-metadata.ts";

/**
 * Strategic merge patch: a JSON merge patch that knows the types. Lists with a merge key merge item by item, lists of
 * scalars may merge as sets, and directives say what a plain merge cannot:
 *
 *   $patch: replace | delete | merge      on a map, or on an item of a merging list
 *   $retainKeys: [a, b]                   clear all other fields of this map
 *   $deleteFromPrimitiveList/x: [1]       take values out of the list x of scalars
 *   $setElementOrder/x: [{name: a}, …]    the order that the items of x shall have
 *
 * Algorithm and wording mirror k8s.io/apimachinery/pkg/util/strategicpatch.
 */

/**
 * Applies a strategic merge patch and returns a new document; neither input is changed.
 * Throws StatusError 400 for directives of the wrong form, 422 for lists of lists, 500 for all that cannot be merged.
 */
export function applyStrategicMergePatch(
  document: unknown,
  patch: unknown,
  schema: Schema,
  schemas: SchemaSet,
): unknown {
  if (!isMap(patch)) throw newBadRequest("invalid JSON document");
  const original = isMap(document) ? deepCopy(document) : {};
  const options: MergeOptions = { mergesParallelLists: true, ignoresUnmatchedNulls: true };
  return translated(() => mergeMap(original, deepCopy(patch), { schema, schemas }, options));
}

/**
 * The patch that `kubectl apply` sends: what the new configuration adds to or changes in the live object, and what it
 * no longer holds of the configuration applied before. An empty object when nothing is to be done.
 */
export function createThreeWayPatch(
  original: unknown,
  modified: unknown,
  current: unknown,
  schema: Schema,
  schemas: SchemaSet,
): unknown {
  const type: Typed = { schema, schemas };
  const [before, after, live] = [original, modified, current].map(
    (value): JsonMap => (isMap(value) ? deepCopy(value) : {}),
  );
  if (before === undefined || after === undefined || live === undefined) return {};
  return translated(() => {
    const common = { setsElementOrder: true, buildsRetainKeys: false };
    const delta = diffMaps(live, after, type, { ...common, ignoresChanges: false, ignoresDeletions: true });
    const deletions = diffMaps(before, after, type, {
      ...common,
      ignoresChanges: true,
      ignoresDeletions: false,
    });
    return mergeMap(deletions, delta, type, { mergesParallelLists: false, ignoresUnmatchedNulls: false });
  });
}

/** The patch that leads from one document to the other, as `kubectl edit` and clients send it. */
export function createTwoWayPatch(
  original: unknown,
  modified: unknown,
  schema: Schema,
  schemas: SchemaSet,
): unknown {
  const options = {
    setsElementOrder: true,
    buildsRetainKeys: false,
    ignoresChanges: false,
    ignoresDeletions: false,
  };
  const from: JsonMap = isMap(original) ? deepCopy(original) : {};
  const to: JsonMap = isMap(modified) ? deepCopy(modified) : {};
  return translated(() => diffMaps(from, to, { schema, schemas }, options));
}

function translated<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof PatchFormatError)) throw error;
    if (error.isUnprocessable) {
      const message = "the server rejected our request due to an error in our request";
      throw newStatusError(422, "Invalid", message, { details: {}, cause: error });
    }
    if (badFormats.has(error.message)) throw newBadRequest(error.message, error);
    throw newStatusError(500, "", error.message, { cause: error });
  }
}

/** The faults that the API server lays at the client's door; of all others it says that they are its own. */
const badFormats = new Set([badRetainKeys, badPrimitiveList, badSetElementOrder]);
