import { describe, expect, it } from "vitest";
import { FieldSet, formatFieldPath } from "./field-set.ts";

const a = ["f:a"];
const ab = ["f:a", "f:b"];
const ac = ["f:a", "f:c"];
const d = ["f:d"];
const set = (...paths: string[][]): FieldSet => FieldSet.fromPaths(paths);

describe("FieldSet", () => {
  it("is FieldsV1, in canonical order", () => {
    const item = 'k:{"port":443}';
    const other = 'k:{"port":80}';
    const fields = set(["f:z", item], ["f:z", item, "f:x"], ["f:z", other], a, ab).toFieldsV1();
    expect(JSON.stringify(fields)).toBe(
      '{"f:a":{".":{},"f:b":{}},"f:z":{"k:{\\"port\\":80}":{},"k:{\\"port\\":443}":{".":{},"f:x":{}}}}',
    );
    expect(
      FieldSet.fromFieldsV1(fields).equals(set(["f:z", item], ["f:z", item, "f:x"], ["f:z", other], a, ab)),
    ).toBe(true);
  });

  it.each<[string, FieldSet, FieldSet]>([
    ["union", set(ab).union(set(a, d)), set(a, ab, d)],
    ["union with nothing", set(ab).union(set()), set(ab)],
    ["intersection", set(a, ab, d).intersection(set(ab, ac)), set(ab)],
    ["intersection of a node and its child", set(a).intersection(set(ab)), set()],
    ["difference", set(a, ab, ac).difference(set(ab)), set(a, ac)],
    ["difference takes a member and leaves its children", set(a, ab).difference(set(a)), set(ab)],
    ["recursive difference takes the children too", set(a, ab, d).recursiveDifference(set(a)), set(d)],
    ["recursive difference with a deeper path", set(a, ab, ac).recursiveDifference(set(ab)), set(a, ac)],
    ["difference down to nothing", set(ab).difference(set(ab)), set()],
  ])("%s", (_claim, actual, expected) => {
    expect(actual.paths()).toEqual(expected.paths());
    expect(actual.isEmpty()).toBe(expected.isEmpty());
    expect(actual.equals(expected)).toBe(true);
  });

  it("with which a part of it is united is itself, and is written as it was read", () => {
    const read = FieldSet.fromFieldsV1({ "f:a": { ".": {}, "f:b": {}, "f:c": {} }, "f:d": {} });
    expect(set(ab, d).union(read)).toBe(read);
    expect(set(a).union(read).toFieldsV1()).toBe(read.tree);
    expect(read.union(set(ab, d)).paths()).toEqual(read.paths());
    expect(read.union(set(["f:e"])).paths()).toEqual([a, d, ["f:e"], ab, ac]);
    expect(set(ab).union(set(a)).paths()).toEqual([a, ab]);
  });

  it("that was read in another order is written in the canonical one", () => {
    const read = FieldSet.fromFieldsV1({ "f:d": {}, ".": {}, "f:a": { "f:c": {}, ".": {}, "f:b": {} } });
    expect(JSON.stringify(read.toFieldsV1())).toBe('{"f:a":{".":{},"f:b":{},"f:c":{}},"f:d":{}}');
  });

  it("shares what lies deep and is large with equal sets", () => {
    const fields = Array.from({ length: 20 }, (_, index) => [
      "f:status",
      "f:conditions",
      `f:${index}-of-them`,
    ]);
    const [one, two] = [set(...fields, ["f:status", "f:x"]), set(...fields, d)].map((each) =>
      each.toFieldsV1(),
    );
    const below = (tree: unknown): unknown =>
      (tree as Record<string, Record<string, unknown>>)["f:status"]?.["f:conditions"];
    expect(below(one)).toBe(below(two));
    expect(Object.isFrozen(below(one))).toBe(true);
  });

  it("returns itself when nothing is taken away", () => {
    const some = set(ab, d);
    expect(some.difference(set(["f:x"]))).toBe(some);
    expect(some.recursiveDifference(set(["f:x"]))).toBe(some);
  });

  it("knows members from what merely leads to them", () => {
    expect(set(ab).has(ab)).toBe(true);
    expect(set(ab).has(a)).toBe(false);
    expect(set(a, ab).has(a)).toBe(true);
    expect(set(ab).has(["f:x"])).toBe(false);
  });

  it("lists members of a level before what lies below them", () => {
    expect(set(ab, d, a).paths()).toEqual([a, d, ab]);
  });
});

describe("formatFieldPath()", () => {
  it.each([
    [["f:spec", "f:replicas"], ".spec.replicas"],
    [["f:spec", 'k:{"name":"web"}', "f:image"], '.spec[name="web"].image'],
    [["f:ports", 'k:{"port":80,"protocol":"TCP"}'], '.ports[port=80,protocol="TCP"]'],
    [["f:finalizers", 'v:"x/y"'], '.finalizers[="x/y"]'],
    [["f:list", "i:3"], ".list[3]"],
  ])("prints %j as %s", (path, text) => {
    expect(formatFieldPath(path)).toBe(text);
  });
});
