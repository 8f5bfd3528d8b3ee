import { expect, test } from "vitest";
import type { Schema } from "../apimachinery/schema.ts";
import { compactType, expandType } from "./schema-notation.ts";

const schemas: [string | object, Schema][] = [
  ["s", { type: "string" }],
  ["s/byte", { type: "string", format: "byte" }],
  ["i/int32=0", { type: "integer", format: "int32", default: 0 }],
  ["s=''", { type: "string", default: "" }],
  ["b=false", { type: "boolean", default: false }],
  ["@core.v1.PodSpec={}", { ref: "io.k8s.api.core.v1.PodSpec", default: {} }],
  ["@~meta.v1.ObjectMeta", { ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" }],
  ["@!com.example.Thing", { ref: "com.example.Thing" }],
  [
    "(p=retainKeys)@apps.v1.DeploymentStrategy",
    { ref: "io.k8s.api.apps.v1.DeploymentStrategy", patchStrategy: "retainKeys" },
  ],
  ["[]s", { type: "array", items: { type: "string" } }],
  [
    "[map k=port,protocol p=merge g=port]@core.v1.ServicePort={}",
    {
      type: "array",
      listType: "map",
      listMapKeys: ["port", "protocol"],
      patchStrategy: "merge",
      patchMergeKey: "port",
      items: { ref: "io.k8s.api.core.v1.ServicePort", default: {} },
    },
  ],
  ["{m=atomic}s", { type: "object", mapType: "atomic", values: { type: "string" } }],
  ["{}[]s", { type: "object", values: { type: "array", items: { type: "string" } } }],
  [
    { p: { a: "s", b: "[set]s" }, q: ["a"], m: "atomic" },
    {
      type: "object",
      properties: { a: { type: "string" }, b: { type: "array", listType: "set", items: { type: "string" } } },
      required: ["a"],
      mapType: "atomic",
    },
  ],
  [
    { x: 1, t: "o" },
    { type: "object", preserveUnknownFields: true },
  ],
  [{ x: 1 }, { preserveUnknownFields: true }],
  [{ i: 1 }, { format: "int-or-string", intOrString: true }],
];

test.each(schemas)("%j", (compact, schema) => {
  expect(compactType(schema)).toEqual(compact);
  expect(expandType(compact)).toEqual(schema);
});
