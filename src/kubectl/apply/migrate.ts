import { isObject } from "../../apimachinery/json.ts";
import type { ManagedFieldsEntry } from "../../apimachinery/meta-v1.ts";

const clientSideManager = "kubectl-client-side-apply";

/**
 * The managed fields of an object that was applied by the client before and is now applied by the server: what the client
 * owned becomes the server-side manager's, or fields that leave the file would stay for ever. Undefined when there is
 * nothing to hand over. (As client-go/util/csaupgrade.)
 */
export function handOver(
  entries: readonly ManagedFieldsEntry[] | undefined,
  manager: string,
): ManagedFieldsEntry[] | undefined {
  const isClient = (entry: ManagedFieldsEntry): boolean =>
    entry.manager === clientSideManager && entry.operation === "Update" && (entry.subresource ?? "") === "";
  const isServer = (entry: ManagedFieldsEntry): boolean =>
    entry.manager === manager && entry.operation === "Apply" && (entry.subresource ?? "") === "";
  const given = (entries ?? []).filter(isClient);
  const [first] = given;
  if (first === undefined) return undefined;
  const heir = entries?.find(isServer) ?? { ...first, manager, operation: "Apply" };
  const fields = [heir, ...given].reduce<unknown>((sum, entry) => union(sum, entry.fieldsV1), {});
  const others = (entries ?? []).filter((entry) => !isClient(entry) && !isServer(entry));
  return [{ ...heir, fieldsV1: fields as NonNullable<ManagedFieldsEntry["fieldsV1"]> }, ...others];
}

/** FieldsV1 is a tree of objects: together they have the members of both. */
function union(a: unknown, b: unknown): unknown {
  if (!isObject(a) || !isObject(b)) return isObject(a) ? a : b;
  const sum: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) sum[key] = key in a ? union(a[key], value) : value;
  return sum;
}
