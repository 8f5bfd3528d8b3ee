import { duplicate, tooMany } from "../../../apimachinery/field-error.ts";
import { type Errors, entries, list, size } from "../basics.ts";

/** Lists and maps of bounded size. One that is too long is refused before anything in it is looked at. */
export type ItemRule<T> = (item: T, path: string, errors: Errors) => void;

/** True when the items were looked at. */
export function checkSlice<T>(
  items: readonly T[] | undefined,
  most: number,
  check: ItemRule<T>,
  path: string,
  errors: Errors,
): boolean {
  const found = list(items);
  if (found.length > most) {
    errors.push(tooMany(path, found.length, most));
    return false;
  }
  found.forEach((item, index) => {
    check(item, `${path}[${index}]`, errors);
  });
  return true;
}

/** A list without duplicates; `keyOf` tells what makes items the same, as the message shows it. */
export function checkSet<T>(
  items: readonly T[] | undefined,
  most: number,
  check: ItemRule<T>,
  keyOf: (item: T) => unknown,
  path: string,
  errors: Errors,
): void {
  if (!checkSlice(items, most, check, path, errors)) return;
  const seen = new Set<string>();
  list(items).forEach((item, index) => {
    const key = keyOf(item);
    const text = JSON.stringify(key);
    if (seen.has(text)) errors.push(duplicate(`${path}[${index}]`, key));
    seen.add(text);
  });
}

export interface MapRules<T> {
  readonly most: number;
  /** Longer keys are shortened where a path shows them. */
  readonly keyBytesMax: number;
  /** Faults of a key are reported for the map. */
  readonly checkKey: ItemRule<string>;
  readonly check: ItemRule<T>;
}

export function checkMap<T>(
  map: Readonly<Record<string, T>> | undefined,
  { most, keyBytesMax, checkKey, check }: MapRules<T>,
  path: string,
  errors: Errors,
): void {
  if (size(map) > most) {
    errors.push(tooMany(path, size(map), most));
    return;
  }
  for (const [key, item] of entries(map)) {
    checkKey(key, path, errors);
    check(item, `${path}[${shortened(key, keyBytesMax)}]`, errors);
  }
}

const ellipsis = "...";

function shortened(key: string, most: number): string {
  if (key.length <= most) return key;
  const kept = most - ellipsis.length;
  return `${key.slice(0, Math.ceil(kept / 2))}${ellipsis}${key.slice(key.length - Math.floor(kept / 2))}`;
}
