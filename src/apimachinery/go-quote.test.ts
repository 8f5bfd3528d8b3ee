import { expect, test } from "vitest";
import { goQuoted } from "./go-quote.ts";

test.each([
  ["plain", '"plain"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["a\nb\tc", '"a\\nb\\tc"'],
  ["a\u0000b\u0001\u001f", '"a\\x00b\\x01\\x1f"'],
  ["\u0007\u000b\u007f", '"\\a\\v\\x7f"'],
  ["\u0085", '"\\u0085"'],
  ["\\u0000", '"\\\\u0000"'],
  ["ü 中", '"ü 中"'],
])("%j is shown as %s", (text, shown) => {
  expect(goQuoted(text)).toBe(shown);
});
