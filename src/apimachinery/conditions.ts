import { formatTime } from "./clock.ts";

/** What every condition of every kind has; kinds differ in which of the rest they carry. */
export interface ConditionBase {
  type: string;
  status: string;
  lastTransitionTime?: string | undefined;
}

/**
 * The list with the condition set: replaced in its place, or appended. The transition time moves only when the
 * status changes. Returns the same list when nothing changes, so a caller can tell whether to write.
 */
export function setCondition<T extends ConditionBase>(
  list: readonly T[] | undefined,
  condition: T,
  nowMs: number,
): T[] {
  const conditions = list ?? [];
  const index = conditions.findIndex(({ type }) => type === condition.type);
  const present = conditions[index];
  const changed = present?.status !== condition.status;
  const lastTransitionTime =
    (changed ? undefined : present?.lastTransitionTime) ?? condition.lastTransitionTime ?? formatTime(nowMs);
  const next: T = { ...condition, lastTransitionTime };
  if (present === undefined) return [...conditions, next];
  if (sameCondition(present, next)) return conditions as T[];
  return conditions.map((item, position) => (position === index ? next : item));
}

/** The list without the condition; the same list when it had none. */
export function removeCondition<T extends ConditionBase>(list: readonly T[] | undefined, type: string): T[] {
  const conditions = list ?? [];
  if (!conditions.some((condition) => condition.type === type)) return conditions as T[];
  return conditions.filter((condition) => condition.type !== type);
}

export function findCondition<T extends ConditionBase>(
  list: readonly T[] | undefined,
  type: string,
): T | undefined {
  return list?.find((condition) => condition.type === type);
}

export function isConditionTrue(list: readonly ConditionBase[] | undefined, type: string): boolean {
  return findCondition(list, type)?.status === "True";
}

/** Conditions hold only scalars. */
function sameCondition(a: object, b: object): boolean {
  const left = new Map<string, unknown>(Object.entries(a));
  const right = new Map<string, unknown>(Object.entries(b));
  return [...left.keys(), ...right.keys()].every((key) => left.get(key) === right.get(key));
}
