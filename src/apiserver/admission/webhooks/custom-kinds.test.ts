import { describe, expect, test } from "vitest";
import { builtinScheme } from "../../../api/builtin-scheme.ts";
import type { ResourceInfo, Scheme } from "../../../api/scheme.ts";
import { StatusError } from "../../../apimachinery/status.ts";
import { Versions } from "./versions.ts";

const kind = { group: "example.com", version: "v1", kind: "Thing" };

/** The built-in kinds, and one that a definition has brought. */
function schemeWithThings(): Scheme {
  const scheme = builtinScheme();
  const info = scheme.resource({ group: "", version: "v1", resource: "configmaps" });
  if (info === undefined) throw new Error("config maps are built in");
  const custom = {
    revision: "1",
    isTerminating: false,
    reader: { read: (object) => object },
  } as ResourceInfo["custom"];
  const things: ResourceInfo = { ...info, ...kind, ...(custom === undefined ? {} : { custom }) };
  return Object.assign(Object.create(scheme) as Scheme, {
    resourceForKind: (wanted: typeof kind) =>
      wanted.kind === "Thing" ? things : scheme.resourceForKind(wanted),
  });
}

// As kube-apiserver 1.36.1 answers what webhooks make of custom resources.
describe("a custom resource that a webhook makes another kind of", () => {
  const versions = new Versions(schemeWithThings());
  const thing = { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "a" } };
  const faultOf = (changes: object): unknown => {
    try {
      return versions.decode(kind, { ...thing, ...changes });
    } catch (error) {
      return error;
    }
  };

  test("is invalid", () => {
    const fault = faultOf({ kind: "Other" });
    expect(fault).toBeInstanceOf(StatusError);
    expect(fault).toMatchObject({
      code: 422,
      message: 'Other.example.com "a" is invalid: kind: Invalid value: "Other": must be Thing',
    });
  });

  test.each([
    ["v9", "/v9, Kind=Thing"],
    ["example.com/v2", "example.com/v2, Kind=Thing"],
    [undefined, "/, Kind=Thing"],
  ])("of version %s cannot be converted back", (apiVersion, shown) => {
    expect(faultOf({ apiVersion })).toMatchObject({
      code: 500,
      message: `${shown} is unstructured and is not suitable for converting to "example.com/v1"`,
    });
  });

  test("of none cannot be read", () => {
    expect(faultOf({ kind: "" })).toMatchObject({
      message: `Object 'Kind' is missing in '${JSON.stringify({ ...thing, kind: "" })}'`,
    });
  });
});
