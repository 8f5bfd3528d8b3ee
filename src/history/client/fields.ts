import { deepEqual, isObject } from "../../apimachinery/json.ts";

/** What changes with every write and says nothing. */
const bookkeeping = new Set([".metadata.managedFields", ".metadata.resourceVersion", ".metadata.generation"]);

/** The paths of what differs, as far down as it differs: `.spec.template.spec.containers[web].image`. */
export function changedFields(before: unknown, after: unknown, path = ""): string[] {
  if (bookkeeping.has(path) || deepEqual(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) => changedFields(before[name], after[name], path + member(name)));
  }
  if (isList(before) && isList(after)) return changedItems(before, after, path);
  return [path];
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** Items go by what names them, where all have a name; otherwise the list is one thing, unless it is as long as before. */
function changedItems(before: readonly unknown[], after: readonly unknown[], path: string): string[] {
  const [old, now] = [byName(before), byName(after)];
  if (old !== undefined && now !== undefined) {
    const names = new Set([...old.keys(), ...now.keys()]);
    return [...names].flatMap((name) => changedFields(old.get(name), now.get(name), `${path}[${name}]`));
  }
  if (before.length !== after.length) return [path];
  return before.flatMap((item, index) => changedFields(item, after[index], `${path}[${index}]`));
}

const nameFields = ["name", "type", "key", "containerPort", "port", "ip", "uid"];

function byName(items: readonly unknown[]): Map<string, unknown> | undefined {
  const named = items.map((item) => {
    const field = isObject(item)
      ? nameFields.find((name) => ["string", "number"].includes(typeof item[name]))
      : undefined;
    return [isObject(item) && field !== undefined ? String(item[field]) : undefined, item] as const;
  });
  const map = new Map(named.flatMap(([name, item]) => (name === undefined ? [] : [[name, item] as const])));
  return map.size === items.length ? map : undefined;
}

const member = (name: string): string => (/^[\w-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`);
