import type { Operation, Storage } from "../../storage/storage.ts";

/** What is to become of an object: another, none at all, or (undefined) what it is. */
export type Rewritten = { readonly key: string; readonly text: string } | "remove" | undefined;

/** Changes stored objects, below the API: nobody watches them, and no admission is asked. */
export interface RewriteRule {
  /** Keys that it looks at. */
  readonly prefix: string;
  /** `text` is the object's JSON as it is stored. */
  rewrite(key: string, text: string): Rewritten;
}

/**
 * Applies the rules to what lies in the store, each rule to what those before it left. Answers how many objects became
 * others. Values that cannot be read are left as they are.
 */
export async function rewriteObjects(storage: Storage, rules: readonly RewriteRule[]): Promise<number> {
  let count = 0;
  for (const rule of rules) {
    const { items } = await storage.list(rule.prefix);
    const changes = items.flatMap(({ key, value, unreadable }) => {
      if (unreadable !== undefined) return [];
      const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
      const operations = operationsOf(key, text, rule.rewrite(key, text));
      return operations.length === 0 ? [] : [operations];
    });
    count += changes.length;
    // All at once: they share the disk's flush.
    await Promise.all(changes.map((operations) => storage.txn([], operations)));
  }
  return count;
}

function operationsOf(key: string, text: string, rewritten: Rewritten): Operation[] {
  if (rewritten === undefined) return [];
  if (rewritten === "remove") return [{ type: "delete", key }];
  if (rewritten.key === key && rewritten.text === text) return [];
  const put: Operation = { type: "put", key: rewritten.key, value: Buffer.from(rewritten.text) };
  return rewritten.key === key ? [put] : [{ type: "delete", key }, put];
}

/** A rule that takes one text for another wherever it stands in the objects. */
export const replaceText = (
  prefix: string,
  replace: (text: string) => string,
  keyOf: (key: string) => string = (key) => key,
): RewriteRule => ({
  prefix,
  rewrite: (key, text) => ({ key: keyOf(key), text: replace(text) }),
});

/** A rule that changes parsed objects; `change` answers the new one, or undefined to leave it. */
export const changeObject = (
  prefix: string,
  change: (object: StoredObject) => StoredObject | undefined,
): RewriteRule => ({
  prefix,
  rewrite: (key, text) => {
    const changed = change(JSON.parse(text) as StoredObject);
    return changed === undefined ? undefined : { key, text: JSON.stringify(changed) };
  },
});

/** As much of a stored object as rules look at. */
export interface StoredObject {
  readonly kind?: string;
  readonly type?: string;
  readonly metadata: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string }[];
    readonly [field: string]: unknown;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}
