import { expect, it } from "vitest";
import { compilePattern, patternError } from "./pattern.ts";

it("a pattern that backtracks elsewhere is linear", () => {
  expect(compilePattern("^(a+)+$").test(`${"a".repeat(200_000)}!`)).toBe(false);
});

it.each([
  ["(a", "error parsing regexp: missing closing ): `(a`"],
  ["(a)\\1", "error parsing regexp: invalid escape sequence: `\\1`"],
  ["a{1,1001}", "error parsing regexp: invalid repeat count: `{1,1001}`"],
])("what is wrong with %s is told as Go tells it, each time", (source, message) => {
  expect(patternError(source)).toBe(message);
  expect(patternError(source)).toBe(message);
});

it("patterns are kept, but not all of the large ones", () => {
  const small = compilePattern("^[a-z]+$");
  const large = compilePattern("^b{1,999}$");
  for (let count = 900; count < 950; count++) compilePattern(`^c{1,${count}}$`);
  const again = compilePattern("^b{1,999}$");
  expect(again).not.toBe(large);
  expect(again.test("bbb")).toBe(true);
  expect(compilePattern("^[a-z]+$")).not.toBe(small);
  expect(compilePattern("^[a-z]+$")).toBe(compilePattern("^[a-z]+$"));
});
