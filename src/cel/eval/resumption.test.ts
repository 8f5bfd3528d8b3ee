import { describe, expect, it } from "vitest";
import {
  CelCompileError,
  CelCostExceeded,
  CelEnvironment,
  type CelProgram,
  dynType,
  intType,
  listType,
} from "../index.ts";
import type { Evaluation, PartOptions } from "../program.ts";

const environment = new CelEnvironment({ variables: { self: dynType, list: listType(intType) } });
const list = Array.from({ length: 300 }, (_, index) => index);
const self = { list, map: { a: 1, b: [2, 3], c: { d: 4 } }, text: "ab".repeat(3_000) };
const values = { self, list };

function compiled(expression: string): CelProgram {
  const program = environment.compile(expression);
  if (program instanceof CelCompileError) throw program;
  return program;
}

function inParts(program: CelProgram, options: PartOptions): { evaluation: Evaluation; parts: number } {
  const work = program.evaluateInParts(values, options);
  for (let parts = 1; ; parts++) {
    const { done, value } = work.next();
    if (done === true) return { evaluation: value, parts };
  }
}

const outcome = (evaluate: () => Evaluation): object => {
  try {
    return evaluate();
  } catch (error) {
    return { error };
  }
};

describe("an expression that is evaluated in parts has the value and the cost that it has in one go", () => {
  it.each([
    ["list.all(x, x >= 0)"],
    ["list.filter(x, x % 2 == 0).map(x, x * x).exists(x, x == 10000)"],
    ["list.map(x, list.filter(y, y < x % 3).map(z, z + x)).filter(l, size(l) > 1).size()"],
    ["list.exists_one(x, list.all(y, y <= x)) && self.map.all(k, k < 'd')"],
    ["self.map.map(k, k + 'x').join(',') + string(list.sum())"],
    ["list.all(x, x < 200) || list.exists(x, self.nothing == x) || list.exists(x, x == 299)"],
    ["list.all(i, v, i == v) && list.transformMap(i, v, v * 2)[7] == 14"],
    ["list.transformList(i, v, i < 5, list.exists(y, y == v + i)).size()"],
    ["list.sortBy(x, -x)[0] == 299 && list == self.list && self.text.matches('^(ab)+$')"],
    ["list.map(x, x == 250 ? [1, 2].map(y, y / 0) : [x])"],
    ["[list.filter(x, x > 290), [list.size()]].map(l, l.map(x, x + list.filter(y, y == x).size()))"],
    ["(list.exists(x, x > 298) ? list.map(x, x + 1) : list).all(x, x > 0)"],
    ["optional.of(list.filter(x, x == 3)).optMap(l, l.map(x, x * 2)).orValue([])"],
  ])("%s", (expression) => {
    const program = compiled(expression);
    const whole = outcome(() => program.evaluate(values));
    for (const partUnits of [40, 900]) {
      expect(outcome(() => inParts(program, { partUnits }).evaluation)).toEqual(whole);
    }
  });

  it("wherever its budget ends", () => {
    const program = compiled("list.filter(x, x < 60 && list.exists(y, y == x)).map(x, x + 1).size() == 60");
    const { cost } = program.evaluate(values);
    for (let costBudget = 10; costBudget < cost; costBudget += Math.ceil(cost / 6)) {
      const whole = outcome(() => program.evaluate(values, { costBudget }));
      expect(whole).toHaveProperty("error.name", "CelCostExceeded");
      expect(outcome(() => inParts(program, { costBudget, partUnits: 300 }).evaluation)).toEqual(whole);
    }
  });

  it("and rests often, without beginning anew", () => {
    const program = compiled("list.all(x, list.all(y, list.all(z, z >= 0 || y >= 0 || x >= 0)))");
    const costBudget = 300_000;
    const work = program.evaluateInParts(values, { costBudget, partUnits: 1_000 });
    let parts = 1;
    expect(() => {
      while (work.next().done !== true) parts++;
    }).toThrow(CelCostExceeded);
    // Each part goes the way to where it was again, which is three rounds' conditions here.
    expect(parts).toBeGreaterThan(250);
    expect(parts).toBeLessThan(320);
  });
});

describe("an expression that takes long", () => {
  it("is not evaluated briefly, and others are", () => {
    expect(compiled("list.all(x, list.all(y, y >= 0))").evaluateBriefly(values)).toBeUndefined();
    expect(compiled("list.all(x, x >= 0)").evaluateBriefly(values)).toMatchObject({ value: true });
  });

  it("of which costs say little, is not either", () => {
    const program = compiled("list.all(x, self.text.replace('a', self.text).size() > 0)");
    expect(program.evaluateBriefly(values)).toBeUndefined();
  });

  it("lets others have their turn", async () => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const evaluating = compiled("list.all(x, list.all(y, list.all(z, z >= 0)))").evaluateAsync(values);
    await expect(evaluating).rejects.toThrow("operation cancelled: actual cost limit exceeded");
    isOver = true;
    expect(turns).toBeGreaterThan(0);
  });

  it("because of what it searches, waits for another thread", async () => {
    const text = "ab".repeat(100_000);
    const given = { list, self: { text } };
    const search =
      "list.filter(x, x < 2).all(x, self.text.matches('^(a|b)*[cd]$') || self.text.find('b[ab]{20}$') != '')";
    const program = compiled(`${search} && self.text.findAll('a', 3) == ['a', 'a', 'a']`);
    expect(program.evaluateBriefly(given)).toBeUndefined();
    const whole = program.evaluate(given);
    expect(whole.value).toBe(true);
    expect(await program.evaluateAsync(given)).toEqual(whole);
  });
});
