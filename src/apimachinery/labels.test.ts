import { describe, expect, it } from "vitest";
import {
  everything,
  nothing,
  parseLabelSelector,
  selectorFromLabelSelector,
  selectorFromMap,
  selectorFromNodeRequirements,
} from "./labels.ts";
import { StatusError } from "./status.ts";

const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError && error.code === 400) return error.message;
    throw error;
  }
  return "no error";
};

describe("parseLabelSelector()", () => {
  it.each<[string, Record<string, string>, boolean]>([
    ["", { a: "1" }, true],
    ["a=1", { a: "1" }, true],
    ["a=1", { a: "2" }, false],
    ["a=1", {}, false],
    ["a==1", { a: "1" }, true],
    ["a!=1", { a: "2" }, true],
    ["a!=1", {}, true],
    ["a!=1", { a: "1" }, false],
    ["a", { a: "" }, true],
    ["a", {}, false],
    ["!a", {}, true],
    ["!a", { a: "1" }, false],
    ["a in (1,2)", { a: "2" }, true],
    ["a in (1,2)", { a: "3" }, false],
    ["a notin (1,2)", { a: "3" }, true],
    ["a notin (1,2)", {}, true],
    ["a in ()", { a: "" }, true],
    ["a in (,1)", { a: "" }, true],
    ["a=", { a: "" }, true],
    ["a=,b=1", { a: "", b: "1" }, true],
    ["a>3", { a: "4" }, true],
    ["a>3", { a: "3" }, false],
    ["a<3", { a: "2" }, true],
    ["a<3", { a: "x" }, false],
    ["in in (in,notin)", { in: "notin" }, true],
    [" a = 1 , b in ( x , y ) ", { a: "1", b: "y" }, true],
    ["example.com/a=1", { "example.com/a": "1" }, true],
    ["toString", {}, false],
  ])("%j on %j is %s", (text, labels, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected);
  });

  it.each([
    ["a=1,b!=2", "a=1,b!=2"],
    ["b,!a", "!a,b"],
    ["x in (c,a,b)", "x in (a,b,c)"],
    ["x notin (a)", "x notin (a)"],
    ["x>1,y<2", "x>1,y<2"],
    ["x==1", "x==1"],
  ])("prints %j as %j, which parses to the same", (text, printed) => {
    expect(parseLabelSelector(text).toString()).toBe(printed);
    expect(parseLabelSelector(printed).toString()).toBe(printed);
  });

  it.each([
    ["a=b=c", "found '=', expected: ',' or 'end of string'"],
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a in x", "unable to parse requirement: found 'x' expected: '('"],
    ["a in (x", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["=a", "found '=', expected: !, identifier, or 'end of string'"],
    ["a,", "found '', expected: identifier after ','"],
    ["!", "unable to parse requirement: found '', expected: identifier"],
    [
      "-a=1",
      "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
    [
      "a=-",
      "unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
    [
      "a>x",
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
  ])("refuses %j", (text, message) => {
    expect(messageOf(() => parseLabelSelector(text))).toBe(message);
  });
});

describe("selectorFromLabelSelector()", () => {
  it("matches nothing when undefined and everything when empty", () => {
    expect(selectorFromLabelSelector(undefined)).toBe(nothing);
    expect(selectorFromLabelSelector({})).toBe(everything);
    expect(nothing.matches({})).toBe(false);
    expect(everything.matches(undefined)).toBe(true);
    expect([nothing.isEmpty(), everything.isEmpty()]).toEqual([false, true]);
  });

  it("joins labels and expressions", () => {
    const selector = selectorFromLabelSelector({
      matchLabels: { app: "web" },
      matchExpressions: [
        { key: "tier", operator: "In", values: ["a", "b"] },
        { key: "old", operator: "DoesNotExist" },
        { key: "env", operator: "Exists" },
        { key: "zone", operator: "NotIn", values: ["z"] },
      ],
    });
    expect(selector.toString()).toBe("app=web,env,!old,tier in (a,b),zone notin (z)");
    expect(selector.matches({ app: "web", tier: "a", env: "" })).toBe(true);
    expect(selector.matches({ app: "web", tier: "c", env: "" })).toBe(false);
  });

  it.each([
    [{ key: "a", operator: "Is", values: [] }, '"Is" is not a valid label selector operator'],
    [
      { key: "a", operator: "In", values: [] },
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    ],
    [
      { key: "a", operator: "Exists", values: ["x"] },
      'values: Invalid value: ["x"]: values set must be empty for exists and does not exist',
    ],
  ])("refuses %j", (expression, message) => {
    expect(messageOf(() => selectorFromLabelSelector({ matchExpressions: [expression] }))).toBe(message);
  });
});

describe("selectorFromMap()", () => {
  it("matches objects that carry all labels", () => {
    const selector = selectorFromMap({ b: "2", a: "1" });
    expect(selector.matches({ a: "1", b: "2", c: "3" })).toBe(true);
    expect(selector.matches({ a: "1" })).toBe(false);
    expect(selectorFromMap(undefined).isEmpty()).toBe(true);
  });
});

describe("selectorFromNodeRequirements()", () => {
  it("knows Gt and Lt", () => {
    const selector = selectorFromNodeRequirements([
      { key: "cores", operator: "Gt", values: ["3"] },
      { key: "cores", operator: "Lt", values: ["9"] },
    ]);
    expect([selector.matches({ cores: "4" }), selector.matches({ cores: "9" })]).toEqual([true, false]);
  });
});
