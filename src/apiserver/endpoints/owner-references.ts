import type { OwnerReference } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { RequestContext } from "../request-context.ts";

/** Owners that are named twice are kept once, and the client is told (mirrors handlers.dedupOwnerReferences). */
export function dedupeOwners(
  context: RequestContext,
  object: UnstructuredObject,
  isAfterMutation: boolean,
): void {
  const owners = object.metadata.ownerReferences;
  if (owners === undefined || owners.length < 2) return;
  const kept = new Map(owners.map((owner) => [textOf(owner), owner]));
  if (kept.size === owners.length) return;
  object.metadata.ownerReferences = [...kept.values()];
  const seen = new Set<string>();
  const uids = new Set<string>();
  for (const { uid } of owners) {
    if (seen.has(uid)) uids.add(uid);
    seen.add(uid);
  }
  context.addWarning(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may ` +
      `reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${[...uids].join(", ")}` +
      (isAfterMutation ? " after mutating admission happens" : ""),
  );
}

/** Equal for equal references. Lists may be long: each is looked at once. */
const textOf = ({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }: OwnerReference): string =>
  JSON.stringify([apiVersion, kind, name, uid, controller, blockOwnerDeletion]);
