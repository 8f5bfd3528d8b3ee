import { expect, it } from "vitest";
import { mayHoldLargeIntegers, parseExactly, parseStored } from "./exact-json.ts";

it.each([
  ["1", 1],
  ["9007199254740991", 9007199254740991],
  ["9007199254740993", 9007199254740993n],
  ["-9223372036854775808", -9223372036854775808n],
  ["9223372036854775808", 9223372036854775808],
  ["9007199254740993.0", 9007199254740992],
  ["1e300", 1e300],
  ['"9007199254740993"', "9007199254740993"],
])("%s is read as Go would", (text, value) => {
  expect(parseExactly(text)).toBe(value);
});

it("bigints are printed as they are", () => {
  const text = '{"a":[9007199254740993,{"b":-9223372036854775808}]}';
  expect(JSON.stringify(parseExactly(text))).toBe(text);
});

it("only long numbers need it", () => {
  expect(mayHoldLargeIntegers('{"a":123456789012345}')).toBe(false);
  expect(mayHoldLargeIntegers('{"a":9007199254740993}')).toBe(true);
});

it.each([
  ["v1", 9007199254740992],
  ["apps/v1", 9007199254740992],
  ["example.com/v1", 9007199254740993n],
])("stored objects of %s", (apiVersion, n) => {
  const text = `{"kind":"A","apiVersion":"${apiVersion}","metadata":{},"n":9007199254740993}`;
  expect(parseStored(text)["n"]).toBe(n);
});
