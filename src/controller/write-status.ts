import { sameFields } from "../apimachinery/json.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { isConflict } from "../apimachinery/status.ts";
import type { ResourceClient } from "../client/client.ts";

type WithStatus = KubernetesObject & { status?: unknown };

/**
 * Writes the status if it differs, and returns the object as it is then. When somebody else wrote the object since, it
 * is read again and the status written once more: a status is computed, so no other writer's status is lost by that.
 */
export async function writeStatus<T extends WithStatus>(
  resource: ResourceClient<T>,
  object: T,
  status: NonNullable<T["status"]>,
): Promise<T> {
  if (sameStatus(object.status, status)) return object;
  try {
    return await resource.updateStatus({ ...object, status });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
  const { name = "", namespace, uid } = object.metadata;
  const fresh = await resource.get(name, { namespace });
  if (fresh.metadata.uid !== uid) return object;
  return await resource.updateStatus({ ...fresh, status });
}

/** Equal but for members that are absent in one and empty in the other: zero, false, "", an empty list. */
export function sameStatus(a: unknown, b: unknown): boolean {
  return sameFields(withoutEmpty(a), withoutEmpty(b));
}

function withoutEmpty(status: unknown): unknown {
  return Object.fromEntries(
    Object.entries(status ?? {}).filter(
      ([, value]) =>
        !(value === 0 || value === "" || value === false || (Array.isArray(value) && value.length === 0)),
    ),
  );
}
