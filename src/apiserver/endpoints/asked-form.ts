import type { RequestState } from "./api-request.ts";
import { includeObjectOf } from "./table.ts";

/**
 * Whether the answer is made of metadata, as far as one can tell at a glance: then large objects need not be read for it. A
 * table whose cells say more has them read when it is made.
 */
export function isOfMetadata({ request }: RequestState): boolean {
  const accept = request.header("accept") ?? "";
  if (accept.includes("as=PartialObjectMetadata")) return true;
  return accept.includes("as=Table") && includeObjectOf(request.query) !== "Object";
}
