import { describe, expect, test } from "vitest";
import type { ManagedFieldsEntry } from "../meta-v1.ts";
import { trackUpdate } from "./index.ts";
import { managedFieldsFault } from "./managed-fields-fault.ts";

const entry = (fieldsV1: object, parts: object = {}): ManagedFieldsEntry => ({
  manager: "x",
  operation: "Update",
  apiVersion: "v1",
  fieldsType: "FieldsV1",
  fieldsV1: fieldsV1 as Record<string, unknown>,
  ...parts,
});
const set = "error decoding versioned set from {x Update v1 <nil> FieldsV1 FIELDS }: error decoding set: ";

// As kube-apiserver 1.36.1 words it, without the place in the text.
describe("managedFields", () => {
  test.each<[object, string]>([
    [{ zz: {} }, `${set}parsing key as path element: missing colon: zz`],
    [{ "f:a": { zz: {} } }, `${set}parsing key as path element: missing colon: zz`],
    [{ z: {} }, `${set}parsing key as path element: key must be 2 characters long:`],
    [{ "i:x": {} }, `${set}parsing key as path element: strconv.ParseInt: parsing "x": invalid syntax`],
    [{ "v:{": {} }, `${set}parsing key as path element: unexpected end of JSON input`],
  ])("of %j cannot be read", (fields, why) => {
    expect(managedFieldsFault([entry(fields)])).toBe(why.replace("FIELDS", JSON.stringify(fields)));
  });

  test.each<[object, string]>([
    [{ operation: "Zork" }, "operation must be `Apply` or `Update`"],
    [{ apiVersion: "" }, "apiVersion must not be empty"],
    [{ fieldsType: "" }, "missing fieldsType in managed fields entry 0"],
    [{ fieldsType: "FieldsV9" }, 'invalid fieldsType "FieldsV9" in managed fields entry 0'],
  ])("with %j cannot be read", (parts, why) => {
    expect(managedFieldsFault([entry({}, parts)])).toBe(why);
  });

  test.each([
    [{ "f:a": { ".": {}, 'k:{"name":"x"}': { "f:b": {} }, 'v:"y"': {}, "i:3": {} } }],
    [{ "w:of a later version": {} }],
    [{}],
  ])("of %j can be read", (fields) => {
    expect(managedFieldsFault([entry(fields)])).toBeUndefined();
  });

  test("that cannot be read count as little in an update as none", () => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { a: "1" } };
    const stored = [entry({ "f:data": { ".": {}, "f:a": {} } }, { manager: "first" })];
    const managers = (given: ManagedFieldsEntry[] | undefined): unknown =>
      trackUpdate({
        old: { ...object, metadata: { name: "a", managedFields: stored } },
        updated: {
          ...object,
          data: { a: "1", b: "2" },
          metadata: { name: "a", ...(given === undefined ? {} : { managedFields: given }) },
        },
        manager: "second",
        subresource: "",
        schema: undefined,
        schemas: new Map(),
        nowMs: 0,
      }).map(({ manager }) => manager);
    expect(managers([entry({ zz: {} })])).toEqual(["first", "second"]);
    expect(managers(undefined)).toEqual(["first", "second"]);
    expect(managers([entry({ "f:data": { "f:a": {} } })])).toEqual(["second", "x"]);
  });
});
