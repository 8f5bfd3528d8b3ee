import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../apimachinery/random.ts";
import { type SortedItem, SortedItems } from "./sorted-items.ts";

interface Item extends SortedItem {
  readonly key: string;
}

const newItem = (key: string, live = true): Item => ({ key, live });

function scan(
  items: SortedItems<Item>,
  prefix: string,
  after?: string,
  limit = Infinity,
): [string[], number] {
  const keys: string[] = [];
  const remaining = items.scan(prefix, after, (item) => {
    keys.push(item.key);
    return keys.length < limit;
  });
  return [keys, remaining];
}

describe("SortedItems", () => {
  test("agrees with a sorted array through thousands of random insertions and removals", () => {
    const random = new SeededRandom(1);
    const items = new SortedItems<Item>();
    const model = new Map<string, Item>();
    for (let step = 0; step < 6000; step++) {
      const key = `/${"abc"[Math.floor(random.next() * 3)]}/${Math.floor(random.next() * 2500)}`;
      const there = model.get(key);
      if (there === undefined) {
        const item = newItem(key, random.next() < 0.7);
        items.insert(item);
        model.set(key, item);
      } else if (random.next() < 0.3) {
        items.setLive(there, !there.live);
      } else {
        items.remove(there);
        model.delete(key);
      }
    }
    const sorted = [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const prefix of ["", "/a/", "/b/1", "/c/", "/d"]) {
      const matching = sorted.filter((item) => item.key.startsWith(prefix));
      expect(scan(items, prefix)[0]).toEqual(matching.map((item) => item.key));
      for (const limit of [1, 10, 700]) {
        const [keys, remaining] = scan(items, prefix, undefined, limit);
        expect(keys).toEqual(matching.slice(0, limit).map((item) => item.key));
        expect(remaining).toBe(matching.slice(limit).filter((item) => item.live).length);
      }
      const after = matching[Math.floor(matching.length / 2)]?.key ?? prefix;
      expect(scan(items, prefix, after)[0]).toEqual(
        matching.filter((item) => item.key > after).map((item) => item.key),
      );
    }
  });

  test("load() and insert() order alike, beyond the first plane of Unicode too", () => {
    const keys = ["/a", "/\u{1F600}", "/\uFF5E", "/z", "/é", "/\u{1F600}/a", "/"];
    const expected = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const loaded = new SortedItems<Item>();
    loaded.load(keys.map((key) => newItem(key)));
    const inserted = new SortedItems<Item>();
    for (const key of keys) inserted.insert(newItem(key));
    expect(scan(loaded, "/")[0]).toEqual(expected);
    expect(scan(inserted, "/")[0]).toEqual(expected);
  });

  test("an empty container has nothing to visit, and removing an unknown item does nothing", () => {
    const items = new SortedItems<Item>();
    expect(scan(items, "/")).toEqual([[], 0]);
    items.remove(newItem("/a"));
    items.insert(newItem("/b"));
    items.remove(newItem("/b"));
    expect(scan(items, "/")[0]).toEqual(["/b"]);
  });

  test("a scan that starts after a key before the prefix starts at the prefix", () => {
    const items = new SortedItems<Item>();
    for (const key of ["/a/1", "/b/1", "/b/2"]) items.insert(newItem(key));
    expect(scan(items, "/b/", "/a/1")[0]).toEqual(["/b/1", "/b/2"]);
    expect(scan(items, "/b/", "/c")[0]).toEqual([]);
  });
});
