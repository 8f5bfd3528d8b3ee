import { expect, it } from "vitest";
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

it("an object is large by the number of its values", () => {
  expect(isLarge({ spec: { list: Array.from({ length: 100 }, () => ({ a: "b" })) } })).toBe(false);
  expect(isLarge({ spec: { list: Array.from({ length: 300 }, () => ({ a: "b" })) } })).toBe(true);
});
