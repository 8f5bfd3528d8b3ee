import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import { decodeObject } from "../../apimachinery/decode.ts";

/** The status of an object that nobody has looked at yet: the empty struct, with the zeros that Go prints. */
export function emptyStatus(scheme: Scheme, { schemaName }: ResourceInfo): unknown {
  return decodeObject(scheme.schemas, schemaName, {}).object["status"] ?? {};
}
