import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../apimachinery/random.ts";
import { CachedObject } from "./cached-object.ts";
import { SortedObjects } from "./sorted-objects.ts";

const object = (name: string, revision = 1): CachedObject =>
  CachedObject.stored("default", name, revision, Buffer.from("{}"));
const namesOf = (objects: SortedObjects): string[] => objects.all.map(({ name }) => name);

describe("objects in the order of their names", () => {
  test.each([1, 8, 9, 200])("after %i additions between two reads", (count) => {
    const objects = new SortedObjects();
    const random = new SeededRandom(count);
    const expected: string[] = [];
    for (let read = 0; read < 4; read++) {
      for (let index = 0; index < count; index++) {
        const name = random.uuid();
        expected.push(name);
        objects.set(object(name));
      }
      expect(objects.size).toBe(expected.length);
      expect(namesOf(objects)).toEqual(expected.toSorted());
    }
  });

  test("an object that was only just added is replaced and deleted like all others", () => {
    const objects = new SortedObjects();
    for (const name of ["b", "a", "c"]) objects.set(object(name));
    const newer = object("a", 2);
    objects.set(newer);
    objects.delete("b");
    objects.delete("none");
    expect(objects.get("a")).toBe(newer);
    expect(objects.get("b")).toBeUndefined();
    expect(objects.all).toEqual([newer, objects.get("c")]);
    expect(objects.size).toBe(2);
  });

  test("the place behind a name counts what was only just added", () => {
    const objects = new SortedObjects();
    for (const name of ["b", "d", "a"]) objects.set(object(name));
    expect(["", "a", "b", "c", "d"].map((name) => objects.indexAfter(name))).toEqual([0, 1, 2, 2, 3]);
    expect(objects.indexAfter("b", true)).toBe(1);
  });
});
