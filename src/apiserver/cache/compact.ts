import type { UnstructuredObject } from "../../apimachinery/object.ts";

/**
 * Freezes an object for the cache, and lets all empty objects in it be one: a pod has a dozen of them. Text needs no such
 * care: the engine keeps one copy of what is short, and two long texts that are the same cannot be told from one.
 */
export function freezeCompactly<T extends object>(value: T): T {
  if (Object.isFrozen(value)) return value;
  freezeMembers(value);
  return Object.freeze(value);
}

/** As `freezeCompactly`, all but the object itself and its metadata, which has no resourceVersion yet. */
export function freezeParts(object: UnstructuredObject): void {
  freezeMembers(object.metadata);
  for (const key in object) if (key !== "metadata") freezeMember(object, key, object[key]);
}

function freezeMembers(value: object): void {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    for (let index = 0; index < items.length; index++) freezeMember(value, index, items[index]);
    return;
  }
  const members = value as Record<string, unknown>;
  for (const key of Object.keys(members)) freezeMember(members, key, members[key]);
}

function freezeMember(owner: object, key: string | number, member: unknown): void {
  if (typeof member !== "object" || member === null) return;
  if (!isEmptyObject(member)) freezeCompactly(member);
  // Plain assignment of "__proto__" would set the prototype.
  else if (member !== emptyObject && key !== "__proto__") Reflect.set(owner, key, emptyObject);
}

const emptyObject = Object.freeze({});

function isEmptyObject(value: object): boolean {
  for (const _ in value) return false;
  return !Array.isArray(value);
}
