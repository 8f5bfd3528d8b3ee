import { deepEqual } from "../../apimachinery/json.ts";
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
  const kept = owners.filter(
    (owner, index) => owners.findIndex((other) => deepEqual(owner, other)) === index,
  );
  if (kept.length === owners.length) return;
  object.metadata.ownerReferences = kept;
  const uids = new Set<string>();
  for (const { uid } of owners) if (owners.filter((owner) => owner.uid === uid).length > 1) uids.add(uid);
  context.addWarning(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may ` +
      `reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${[...uids].join(", ")}` +
      (isAfterMutation ? " after mutating admission happens" : ""),
  );
}
