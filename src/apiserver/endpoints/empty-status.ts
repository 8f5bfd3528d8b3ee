import type { ResourceInfo, Scheme } from "../../api/scheme.ts";

/** The status of an object that nobody has looked at yet: the empty struct, with the zeros that Go prints. */
export function emptyStatus(scheme: Scheme, { schemaName }: ResourceInfo): unknown {
  return scheme.decode(schemaName, {}).object["status"] ?? {};
}
