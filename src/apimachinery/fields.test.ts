import { describe, expect, it } from "vitest";
import { escapeFieldValue, parseFieldSelector } from "./fields.ts";
import { StatusError } from "./status.ts";

describe("parseFieldSelector()", () => {
  const values: Record<string, string> = {
    "metadata.name": "web",
    "status.phase": "Running",
    odd: "a,b=c\\d",
  };
  it.each<[string, boolean]>([
    ["", true],
    ["metadata.name=web", true],
    ["metadata.name==web", true],
    ["metadata.name!=web", false],
    ["metadata.name=web,status.phase=Running", true],
    ["metadata.name=web,status.phase!=Running", false],
    ["spec.nodeName=", true],
    ["odd=a\\,b\\=c\\\\d", true],
  ])("%j is %s", (text, expected) => {
    expect(parseFieldSelector(text).matches((field) => values[field] ?? "")).toBe(expected);
  });

  it("lists its requirements, sorted", () => {
    expect(parseFieldSelector("b!=2,a==1").requirements).toEqual([
      { field: "a", operator: "=", value: "1" },
      { field: "b", operator: "!=", value: "2" },
    ]);
  });

  it("prints what it parses", () => {
    expect(parseFieldSelector("b!=2,a==x\\,y").toString()).toBe("a=x\\,y,b!=2");
    expect(escapeFieldValue("a,b=c\\")).toBe("a\\,b\\=c\\\\");
  });

  it.each([
    ["metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ["a=b=c", "invalid field selector: unescaped character in value: 61"],
    ["a=\\x", "invalid field selector: invalid escape sequence: \\x"],
  ])("refuses %j with 400", (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(StatusError);
    expect(() => parseFieldSelector(text)).toThrow(message);
  });
});
