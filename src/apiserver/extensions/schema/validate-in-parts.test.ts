import { describe, expect, it } from "vitest";
import { inSlices } from "../../../apimachinery/in-slices.ts";
import { Correlation } from "./correlation.ts";
import { SchemaNode } from "./schema-node.ts";
import { schemaErrors, schemaErrorsInParts } from "./validate.ts";
import { isLarge } from "./weight.ts";

const text = { type: "string", pattern: "^[a-z]+$", maxLength: 5 };
const schema = new SchemaNode(
  {
    type: "object",
    properties: {
      spec: {
        type: "object",
        required: ["must"],
        maxProperties: 4,
        properties: {
          must: text,
          number: { type: "integer", minimum: 3, multipleOf: 2 },
          list: { type: "array", maxItems: 3, items: { type: "object", properties: { a: text } } },
          map: {
            type: "object",
            additionalProperties: { anyOf: [{ maxLength: 2 }, { enum: ["four"] }], ...text },
          },
          nullable: { ...text, nullable: true },
          chosen: {
            type: "array",
            items: {
              type: "integer",
              oneOf: [{ minimum: 5 }, { multipleOf: 3 }],
              allOf: [{ maximum: 100 }, { maximum: 50 }],
              not: { enum: [7] },
            },
          },
        },
      },
    },
  },
  { isRoot: true },
);

function inParts(value: object, old?: object): { errors: unknown; parts: number } {
  const correlation = old && new Correlation(value, old, schema);
  const work = schemaErrorsInParts(value, schema, "", correlation);
  for (let parts = 0; ; parts++) {
    const { done, value: errors } = work.next();
    if (done === true) return { errors, parts };
  }
}

const specs = [
  { must: "abc" },
  {},
  { must: "ABC", number: 1, list: [{ a: "b" }, { a: 1 }, 5, null], map: { x: "toolong", y: "no", z: 3 } },
  { must: null, nullable: null, number: 7, list: {}, map: [] },
  { must: "a", chosen: [3, 4, 6, 7, 10, 60, 200, null, "x"] },
  { must: "toolong", number: 4, list: [{ a: "A" }], map: { a: "four", b: "five" }, unknown: 1 },
];

it.each(specs)("%j is judged in parts as in one go", (spec) => {
  const { errors, parts } = inParts({ spec });
  expect(errors).toEqual(schemaErrors({ spec }, schema));
  expect(parts).toBeGreaterThan(1);
});

it.each(specs)("%j is judged in parts as a change, too", (spec) => {
  for (const before of specs) {
    const correlation = new Correlation({ spec }, { spec: before }, schema);
    const expected = schemaErrors({ spec }, schema, "", correlation);
    expect(inParts({ spec }, { spec: before }).errors).toEqual(expected);
  }
});

it("alternatives are judged a part at a time", () => {
  const item = { type: "object", additionalProperties: { type: "string" } };
  const alternatives = new SchemaNode({
    anyOf: [{ additionalProperties: { maxLength: 1 } }, { additionalProperties: { minLength: 9 } }],
    ...item,
  });
  const value = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key${index}`, "four"]));
  const work = schemaErrorsInParts(value, alternatives);
  let parts = 0;
  while (work.next().done !== true) parts++;
  expect(parts).toBeGreaterThan(600);
});

describe("a long text with a pattern", () => {
  const pattern = "^([ab]*a[ab]{59}|b*)$";
  const long = new SchemaNode({ type: "object", properties: { text: { type: "string", pattern } } });

  it.each([
    [true, "ab".repeat(100_000)],
    [false, `${"ab".repeat(100_000)}c`],
  ])("is matched by another thread: %s", async (isMatch, value) => {
    const errors = await inSlices(schemaErrorsInParts({ text: value }, long));
    expect(errors.map(({ path }) => path)).toEqual(isMatch ? [] : ["text"]);
  });

  it("leaves the thread of all others alone", () => {
    const work = schemaErrorsInParts({ text: "ab".repeat(100_000) }, long);
    let waits = 0;
    for (let part = work.next(); part.done !== true && waits === 0; part = work.next()) {
      if (part.value !== undefined) waits++;
    }
    expect(waits).toBe(1);
  });

  it("is matched once by a pattern that stands in many alternatives", async () => {
    const text = "ab".repeat(150_000);
    const alternatives = new SchemaNode({
      anyOf: Array.from({ length: 50 }, () => ({ pattern })),
      type: "string",
    });
    const work = schemaErrorsInParts(`${text}c`, alternatives);
    let waits = 0;
    for (let part = work.next(); part.done !== true; part = work.next()) {
      if (part.value === undefined) continue;
      waits++;
      await part.value;
    }
    expect(waits).toBe(1);
  });

  it("makes an object heavy", () => {
    expect(isLarge({ spec: { text: "a".repeat(100_000) } })).toBe(true);
    expect(isLarge({ spec: { text: "a".repeat(1_000) } })).toBe(false);
  });
});

it("an object is large by the number of its values", () => {
  expect(isLarge({ spec: { list: Array.from({ length: 100 }, () => ({ a: "b" })) } })).toBe(false);
  expect(isLarge({ spec: { list: Array.from({ length: 300 }, () => ({ a: "b" })) } })).toBe(true);
});
