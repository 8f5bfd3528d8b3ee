import { describe, expect, it } from "vitest";
import { CelCompileError, CelCostExceeded, CelEnvironment, dynType, intType, listType } from "../index.ts";

const environment = new CelEnvironment({
  variables: { self: dynType, oldSelf: dynType, list: listType(intType) },
});
const text = "a".repeat(100_000);
const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, index]));
const list = Array.from({ length: 10_000 }, (_, index) => index);

function evaluate(expression: string): unknown {
  const program = environment.compile(expression);
  if (program instanceof CelCompileError) throw program;
  const self = { text, many, wide: `${text}ä\u{1F600}` };
  return program.evaluate({ self, oldSelf: { ...self, many: { ...many } }, list }).value;
}

describe("an evaluation ends as if it had cost too much", () => {
  it.each([
    ["a text that grows by replacing", "self.text.replace('a', self.text).size() > 0"],
    ["a text that grows between characters", "self.text.replace('', self.text).size() > 0"],
    ["a text that grows by a number of replacements", "self.text.replace('a', self.text, 90000).size() > 0"],
    ["a text joined of a list", "list.map(x, self.text).join('').size() > 0"],
    ["a text joined by a text", "list.map(x, '').join(self.text).size() > 0"],
    ["a text of formatted lists", "'%s'.format([list.map(x, self.text)]).size() > 0"],
    ["a list flattened", "list.map(a, list).flatten().size() > 0"],
    ["a sort, before it is made", "list.map(x, self.text).sort().size() > 0 && list.sort().size() > 0"],
    ["sets compared, before they are", "sets.contains(list, list)"],
    ["objects compared over and over", "list.all(x, self.many == oldSelf.many)"],
    ["texts compared over and over", "list.all(x, list.all(y, self.text > 'b' || true))"],
    ["characters counted over and over", "self.text.split('').all(c, size(self.wide) > 0)"],
    ["characters found over and over", "list.all(x, self.wide.charAt(99999) == 'a')"],
    ["zones asked over and over", "list.all(x, list.all(y, timestamp(x).getHours('Asia/Tokyo') >= 0))"],
  ])("that does too much work: %s", (_what, expression) => {
    expect(() => evaluate(expression)).toThrow(CelCostExceeded);
    expect(() => evaluate(expression)).toThrow("operation cancelled: actual cost limit exceeded");
  });
});

describe("an evaluation that does what rules do on large objects", () => {
  it.each([
    ["self.text.split('').all(c, self.text.charAt(99999) == 'a')"],
    [`self.text.indexOf('${"a".repeat(50_000)}b') == -1`],
    ["self.text.lastIndexOf('ab') == -1"],
    ["self.many == oldSelf.many"],
    ["[1, 2, 3, 4].all(x, self.many == self.many)"],
    ["list.map(x, [x]).flatten() == list"],
    ["self.text.replace('a', 'bb').size() == 200000"],
    ["list.map(x, string(x)).join(', ').size() > 0"],
    ["self.wide.substring(100000) == 'ä\u{1F600}' && self.wide.indexOf('\u{1F600}') == 100001"],
    ["self.wide.lastIndexOf('ä') == 100000 && self.wide.lastIndexOf('a', 5) == 5"],
    ["'ab'.lastIndexOf('abc') == -1 && 'aXaXa'.lastIndexOf('aX', 1) == 0"],
  ])("ends with its value: %s", (expression) => {
    expect(evaluate(expression)).toBe(true);
  });
});

it("what one evaluation did is not counted against the next", () => {
  const expression = "self.many == oldSelf.many && self.many == oldSelf.many && self.many == oldSelf.many";
  for (let turn = 0; turn < 8; turn++) expect(evaluate(expression)).toBe(true);
});
