import type { CachedObject } from "./cached-object.ts";

/**
 * The objects of one namespace in the order of their names. An insertion moves the tail of one array, which for
 * 100,000 objects takes some ten microseconds: less than a tree would cost at every read.
 */
export class SortedObjects {
  /** In byte order of names; each also in #byName. */
  readonly #sorted: CachedObject[] = [];
  readonly #byName = new Map<string, CachedObject>();

  get size(): number {
    return this.#sorted.length;
  }

  /** Shared with later changes: copy what must stay. */
  get all(): readonly CachedObject[] {
    return this.#sorted;
  }

  get(name: string): CachedObject | undefined {
    return this.#byName.get(name);
  }

  set(object: CachedObject): void {
    const known = this.#byName.has(object.name);
    this.#byName.set(object.name, object);
    const last = this.#sorted.at(-1);
    if (last === undefined || last.name < object.name) {
      this.#sorted.push(object);
      return;
    }
    this.#sorted.splice(this.indexAfter(object.name, true), known ? 1 : 0, object);
  }

  delete(name: string): void {
    if (this.#byName.delete(name)) this.#sorted.splice(this.indexAfter(name, true), 1);
  }

  /** The index of the first object whose name is greater than the given one, or not smaller with `orEqual`. */
  indexAfter(name: string, orEqual = false): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#sorted[middle]?.name ?? "";
      if (other < name || (other === name && !orEqual)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
