import { isObject } from "./json.ts";

/** 32-bit FNV-1a over UTF-8, as an unsigned number. */
export function fnv32a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** No vowels and no look-alikes: no hash spells a word (k8s.io/apimachinery/pkg/util/rand). */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** Each character mapped into an alphabet that is safe in names. */
export function safeEncode(text: string): string {
  return Array.from(Buffer.from(text), (byte) => alphabet[byte % alphabet.length]).join("");
}

/**
 * The `pod-template-hash` of a template: equal for equal templates whatever the order of their keys, and different
 * when the collision count is raised. Kubernetes hashes Go's own dump of the struct, so the values differ from its.
 */
export function podTemplateHash(template: unknown, collisionCount?: number): string {
  const suffix = collisionCount === undefined ? "" : `#${collisionCount}`;
  return safeEncode(String(fnv32a(stableStringify(template) + suffix)));
}

/** JSON with sorted keys. Absent and undefined properties are the same. */
export function stableStringify(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableStringify).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    if (value[key] !== undefined) members.push(`${JSON.stringify(key)}:${stableStringify(value[key])}`);
  }
  return `{${members.join(",")}}`;
}
