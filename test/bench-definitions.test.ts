import { expect, test } from "vitest";
import { definitionNamed, madeShapes } from "../bench/parts/definitions.ts";
import { asDefinition } from "../src/apiserver/extensions/definition/definition.ts";
import { definitionErrors } from "../src/apiserver/extensions/definition/validate-definition.ts";

const stored = { acceptedNames: { plural: "", kind: "" }, storedVersions: ["v1"] };

test.each(madeShapes().map((shape, index) => [shape.of, shape, index] as const))(
  "a definition that is made for benchmarks is accepted: %s",
  (_, shape, index) => {
    const definition = asDefinition(JSON.parse(definitionNamed(shape, index).body));
    expect(definitionErrors({ ...definition, status: stored })).toEqual([]);
  },
);
