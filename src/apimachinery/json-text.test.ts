import { describe, expect, it } from "vitest";
import { depthOf, goMaxDepth, jsonSyntaxError, maxKeptDepth, parseJson } from "./json-text.ts";

const nested = (depth: number, inside = "1"): string =>
  `${'{"a":['.repeat(depth / 2)}${inside}${"]}".repeat(depth / 2)}`;

describe("nesting", () => {
  it("is bounded where what is read is to be kept", () => {
    expect(parseJson(nested(maxKeptDepth)).depth).toBe(maxKeptDepth);
    expect(() => parseJson(nested(maxKeptDepth + 2))).toThrow("invalid character '{' exceeded max depth");
    expect(() => parseJson(`[${nested(maxKeptDepth)}]`)).toThrow("invalid character '[' exceeded max depth");
  });

  it("is bounded as Go bounds it, where somebody else takes care", () => {
    const { value, duplicates } = parseJson(nested(goMaxDepth), goMaxDepth);
    expect([depthOf(value), duplicates]).toEqual([goMaxDepth, []]);
    expect(() => parseJson(nested(goMaxDepth + 2), goMaxDepth)).toThrow("exceeded max depth");
  });

  it("hides no members that are there twice", () => {
    const [duplicate] = parseJson(nested(4_000, '{"b":1,"b":2}'), goMaxDepth).duplicates;
    expect(duplicate).toMatch(/^duplicate field "a\[0\]\.a.*\.b"$/);
  });

  it("hides no syntax errors", () => {
    expect(jsonSyntaxError(`${nested(9_000)}}`)).toBe("invalid character '}' after top-level value");
    expect(jsonSyntaxError(nested(9_000, "nul"))).toBe(
      "invalid character ']' in literal null (expecting 'l')",
    );
    expect(jsonSyntaxError(nested(30_000, "nul"))).toBe("invalid character '{' exceeded max depth");
    expect(jsonSyntaxError('{"a":['.repeat(4_000))).toBe("unexpected end of JSON input");
  });
});

describe("a syntax error is told in Go's words", () => {
  it.each([
    ["", "unexpected end of JSON input"],
    [" ", "unexpected end of JSON input"],
    ["{", "unexpected end of JSON input"],
    ["[1", "unexpected end of JSON input"],
    ["[1,", "unexpected end of JSON input"],
    ["{}}", "invalid character '}' after top-level value"],
    ["[1 2]", "invalid character '2' after array element"],
    ["[1,]", "invalid character ']' looking for beginning of value"],
    ["[,1]", "invalid character ',' looking for beginning of value"],
    ["[1}", "invalid character '}' after array element"],
    ['{"a":1]', "invalid character ']' after object key:value pair"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ["{,}", "invalid character ',' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":}', "invalid character '}' looking for beginning of value"],
    ['{"a":{"b":[]}"c":1}', "invalid character '\"' after object key:value pair"],
    ['[{"a":1},{"b"}]', "invalid character '}' after object key"],
    ["[[],[]", "unexpected end of JSON input"],
    ["01", "invalid character '1' after top-level value"],
  ])("%s", (text, message) => {
    expect(jsonSyntaxError(text)).toBe(message);
  });

  it.each([["[]"], ["{}"], [' { "a" : [ ] , "b" : { } } '], ['[[],{},[1,{}],"a",true,null,-1.5e3]'], ["1"]])(
    "and is none in %s",
    (text) => {
      expect(jsonSyntaxError(text)).toBeUndefined();
    },
  );
});
