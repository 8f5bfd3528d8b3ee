import { describe, expect, it } from "vitest";
import { parseJson } from "../../apimachinery/decode.ts";
import { duplicateYamlKeys } from "../../apimachinery/yaml.ts";
import { customFaults, type Duplicates, strictFaults } from "./strict-faults.ts";

const json = (text: string): Duplicates => {
  const { value: _, ...duplicates } = parseJson(text);
  return { format: "json", ...duplicates };
};
const yaml = (text: string): Duplicates => ({ format: "yaml", lines: () => duplicateYamlKeys(text) });
const unknown = (...paths: string[]): string[] => paths.map((path) => `unknown field "${path}"`);

describe("strictFaults()", () => {
  it("tells faults of JSON as they stand in the text", () => {
    const text =
      '{"spec":{"what":1,"paused":true,"paused":false,"list":[{"nested":1,"image":"a","image":"b"}],"x":1}}';
    expect(strictFaults(json(text), unknown("spec.what", "spec.list[0].nested", "spec.x"))).toEqual([
      'unknown field "spec.what"',
      'duplicate field "spec.paused"',
      'unknown field "spec.list[0].nested"',
      'duplicate field "spec.list[0].image"',
      'unknown field "spec.x"',
    ]);
  });

  it("says nothing of what lies in an unknown field, or of that field given twice", () => {
    const text = '{"what":1,"what":{"a":1,"a":2},"data":{"k":1,"k":2}}';
    expect(strictFaults(json(text), unknown("what"))).toEqual([
      'unknown field "what"',
      'duplicate field "data.k"',
    ]);
  });

  it("tells double keys of YAML in one error, then unknown fields in the order of their names", () => {
    const text = "spec:\n  z: 1\n  z: 2\n  paused: true\n  paused:\n    a: 1\n";
    expect(
      strictFaults(yaml(text), unknown("spec.z", "spec.list[10].b", "spec.list[9].c", "spec.a")),
    ).toEqual([
      'yaml: unmarshal errors:\n  line 3: key "z" already set in map\n  line 6: key "paused" already set in map',
      ...unknown("spec.a", "spec.list[9].c", "spec.list[10].b", "spec.z"),
    ]);
  });

  it("has nothing to say of a body without faults", () => {
    expect([
      strictFaults(json('{"a":{"b":1},"b":1}'), []),
      strictFaults(yaml("a: {b: 1}\nb: 1"), []),
    ]).toEqual([[], []]);
  });
});

// The order that kube-apiserver 1.36.1 gives.
describe("customFaults()", () => {
  it("tells what is there twice, then what metadata does not have, then the others by their names", () => {
    const text = '{"z":1,"spec":{"q":1,"q":2,"n":2,"n":3},"metadata":{"x":"x","labels":{"k":"v","k":"w"}}}';
    expect(customFaults(json(text), unknown("z", "spec.q", "metadata.x"))).toEqual([
      'duplicate field "spec.q"',
      'duplicate field "spec.n"',
      'duplicate field "metadata.labels.k"',
      ...unknown("metadata.x", "spec.q", "z"),
    ]);
  });

  it("tells the same of YAML, what is there twice in one error", () => {
    const text = "metadata: {x: 1}\nspec:\n  a: x\n  a: y\nb: 1\n";
    expect(customFaults(yaml(text), unknown("b", "spec.z", "metadata.x"))).toEqual([
      'yaml: unmarshal errors:\n  line 4: key "a" already set in map',
      ...unknown("metadata.x", "b", "spec.z"),
    ]);
  });
});
