import { expect, it } from "vitest";
import type { CustomResourceDefinition, JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import { definitionOf } from "../testing/definitions.ts";
import { prepareDefinition } from "./prepare-definition.ts";
import { definitionErrors } from "./validate-definition.ts";

const definition = (properties: Record<string, JSONSchemaProps>): CustomResourceDefinition =>
  definitionOf({ type: "object", properties }) as CustomResourceDefinition;

const fields = (count: number, field: (index: number) => JSONSchemaProps): Record<string, JSONSchemaProps> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`field${index}`, field(index)]));

/** A clock on which each look takes as long as a slice, so that there is a rest after every part. */
function tiring(): () => number {
  let nowMs = 0;
  return () => (nowMs += 10);
}

it("waits for nothing where there is little to compile", () => {
  const few = definition(fields(5, () => ({ type: "string", pattern: "^a$" })));
  expect(prepareDefinition(few, tiring())).toBeUndefined();
});

it.each([
  ["patterns", (index: number): JSONSchemaProps => ({ type: "string", pattern: `^a{${index}}$` })],
  [
    "rules",
    (index: number): JSONSchemaProps => ({
      type: "string",
      maxLength: 10,
      "x-kubernetes-validations": [{ rule: `self != 'x${index}'` }],
    }),
  ],
])("others have their turn between %s", async (_, field) => {
  let turns = 0;
  let isOver = false;
  const others = (): void => {
    if (isOver) return;
    turns++;
    setImmediate(others);
  };
  others();
  await prepareDefinition(definition(fields(40, field)), tiring());
  isOver = true;
  expect(turns).toBeGreaterThan(30);
});

it("leaves what is wrong to be told", async () => {
  const wrong = fields(30, (index) => ({
    type: "string",
    maxLength: 10,
    pattern: `(${index}`,
    "x-kubernetes-validations": [{ rule: `self == ${index}` }],
  }));
  const ahead = definition(wrong);
  await prepareDefinition(ahead, tiring());
  expect(definitionErrors(ahead)).toEqual(definitionErrors(definition(wrong)));
  expect(definitionErrors(ahead).length).toBeGreaterThanOrEqual(30);
});
