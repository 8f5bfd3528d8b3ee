import { expect, test } from "vitest";
import { unifiedDiff } from "./unified-diff.ts";

const lines = (...parts: (string | number)[]): string => parts.join("\n");
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

test.each([
  ["nothing where nothing changed", lines("a", "b"), lines("a", "b"), ""],
  [
    "a line that is another",
    lines(...numbers(1, 9)),
    lines(1, 2, 3, 4, "x", 6, 7, 8, 9),
    "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n",
  ],
  ["a line that came, at the end", lines("a"), lines("a", "b"), "@@ -1 +1,2 @@\n a\n+b\n"],
  ["a line that went, at the start", lines("a", "b"), lines("b"), "@@ -1,2 +1 @@\n-a\n b\n"],
  [
    "changes that are far apart, each by itself",
    lines(...numbers(1, 12)),
    lines("x", ...numbers(2, 11), "y"),
    "@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -9,4 +9,4 @@\n 9\n 10\n 11\n-12\n+y\n",
  ],
  [
    "changes that share their context together",
    lines(...numbers(1, 8)),
    lines("x", ...numbers(2, 7), "y"),
    "@@ -1,8 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n",
  ],
])("shows %s", (_, before, after, expected) => {
  expect(unifiedDiff(before, after)).toBe(expected);
});

test("in a long text, lines that are everywhere tie nothing together", () => {
  const long = numbers(1, 300).map((n) => (n % 2 === 0 ? "same" : `line ${n}`));
  const changed = long.with(150, "other");
  expect(unifiedDiff(lines(...long), lines(...changed))).toBe(
    "@@ -148,7 +148,7 @@\n same\n line 149\n same\n-line 151\n+other\n same\n line 153\n same\n",
  );
});
