import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Records } from "./records.ts";

interface Thing {
  readonly id: string;
  readonly value: number;
}

describe("Records", () => {
  let folder: string;
  const open = (): Records<Thing> => new Records<Thing>(folder);
  const file = (id: string): string => join(folder, `${id}.json`);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sampan-records-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("are as they were last put, in the next process too", () => {
    const records = open();
    for (const value of [1, 2, 3]) records.put({ id: "a", value });
    records.put({ id: "b", value: 9 });
    records.remove("b");
    for (const seen of [records, open()]) expect(seen.values()).toEqual([{ id: "a", value: 3 }]);
    expect(readdirSync(folder)).toEqual(["a.json"]);
  });

  test.each(['{"id":"a","val', '{"id":"a","value":2', "null", "\0\0\0"])(
    "cut short at %j are the ones before, and can be changed",
    (torn) => {
      open().put({ id: "a", value: 1 });
      appendFileSync(file("a"), torn);
      const records = open();
      expect(records.get("a")).toEqual({ id: "a", value: 1 });
      records.put({ id: "a", value: 5 });
      expect(open().get("a")).toEqual({ id: "a", value: 5 });
    },
  );

  test("of which nothing is left count as absent", () => {
    writeFileSync(file("a"), "");
    writeFileSync(file("b"), '{"id":"other","value":1}\n');
    expect(open().values()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that change without end keep a small file, which only the owner reads", () => {
    const records = open();
    const large = 5000;
    for (let value = 0; value < large; value++) records.put({ id: "a", value });
    expect(statSync(file("a")).size).toBeLessThan(70_000);
    expect(statSync(file("a")).mode & 0o777).toBe(0o600);
    expect(open().get("a")).toEqual({ id: "a", value: large - 1 });
  });

  test("that are whole are not written by a start; the file stays small over many", () => {
    for (let value = 0; value < 50; value++) open().put({ id: "a", value });
    const before = readFileSync(file("a"), "utf8");
    const changed = statSync(file("a")).ino;
    expect(open().values()).toEqual([{ id: "a", value: 49 }]);
    expect(readFileSync(file("a"), "utf8")).toBe(before);
    expect(statSync(file("a")).ino).toBe(changed);
    for (let value = 0; value < 5000; value++) open().put({ id: "a", value });
    expect(statSync(file("a")).size).toBeLessThan(70_000);
  });

  test("tell which ids have none", () => {
    const records = open();
    records.put({ id: "a", value: 1 });
    expect(records.orphans(["a", "b", "b"])).toEqual(["b"]);
  });
});
