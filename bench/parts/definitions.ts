/**
 * CustomResourceDefinitions of the sizes that real ones have. Those of well-known operators are taken from the module cache of Go
 * where they are (`go mod download MODULE@VERSION` brings them); without them, ones of equal sizes are made.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CustomResourceDefinition } from "../../src/api/types/apiextensions-v1.ts";
import { parseYamlDocuments } from "../../src/apimachinery/yaml.ts";

/** A definition to be created under a name of its own. */
export interface Shape {
  readonly of: string;
  readonly definition: CustomResourceDefinition;
  readonly sizeBytes: number;
}

const folders = [
  "github.com/prometheus-operator/prometheus-operator@v0.83.0/example/prometheus-operator-crd",
  "sigs.k8s.io/gateway-api@v1.4.0/config/crd/standard",
  "github.com/cert-manager/cert-manager@v1.19.1/deploy/crds",
];

export function realShapes(): Shape[] {
  const { stdout } = spawnSync("go", ["env", "GOMODCACHE"], { encoding: "utf8" });
  const cache = (stdout ?? "").trim();
  if (cache === "") return [];
  return folders
    .map((folder) => join(cache, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
    .filter((file) => file.endsWith(".yaml"))
    .flatMap((file) => parseYamlDocuments(readFileSync(file, "utf8")))
    .filter((value): value is CustomResourceDefinition => kindOf(value) === "CustomResourceDefinition")
    .map((definition) => shapeOf(definition.metadata.name ?? "", definition));
}

const kindOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;

const shapeOf = (of: string, definition: CustomResourceDefinition): Shape => ({
  of,
  definition,
  sizeBytes: Buffer.byteLength(JSON.stringify(definition)),
});

/** As many fields as the real ones have, of the largest to the smallest. */
const madeFieldCounts = [4500, 3600, 1900, 620, 400, 220, 120, 40];

export const madeShapes = (): Shape[] =>
  madeFieldCounts.map((count) => shapeOf(`${count} fields, made`, madeDefinition(count)));

/** Objects in objects of twelve fields each, with prose, patterns, enums, lists of maps and rules here and there. */
function madeDefinition(fieldCount: number): CustomResourceDefinition {
  let left = fieldCount;
  const schemaOf = (depth: number): object => {
    const properties: Record<string, object> = {};
    for (let index = 0; index < 12 && left > 0; index++) {
      left--;
      properties[`field${index}`] = memberOf(index, depth);
    }
    return { type: "object", description: prose, properties, required: ["field0"], ...rules };
  };
  const memberOf = (index: number, depth: number): object => {
    // What has no field left would have a rule and a key without one.
    const mayHold = depth < 5 && left > 0;
    if (mayHold && index % 4 === 3) return schemaOf(depth + 1);
    if (mayHold && index % 4 === 2) {
      return {
        type: "array",
        maxItems: 10,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["field0"],
        items: schemaOf(depth + 1),
      };
    }
    if (index % 3 === 1)
      return { type: "integer", format: "int32", minimum: 0, maximum: 65535, description: prose };
    return { type: "string", description: prose, maxLength: 253, pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" };
  };
  const spec = schemaOf(0);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "shapes.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "shapes", singular: "shape", kind: "Shape", listKind: "ShapeList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec } } },
          subresources: { status: {} },
        },
      ],
    },
  };
}

const prose =
  "What the field is for, in as many words as people write about such fields: some eighty characters.";
const rules = {
  "x-kubernetes-validations": [{ rule: "self.field0 != 'none'", message: "field0 must be something" }],
};

/** The shape under a group of its own, as JSON, with the path where its objects are served. */
export function definitionNamed(
  { definition }: Shape,
  serial: number,
): { name: string; path: string; body: string } {
  const { spec } = definition;
  const group = `g${serial}.${spec.group.replace(/\bk8s\.io$/, "example.io")}`;
  const name = `${spec.names.plural}.${group}`;
  const served = spec.versions.find((version) => version.served)?.name ?? "";
  return {
    name,
    path: `/apis/${group}/${served}/${spec.names.plural}`,
    body: JSON.stringify({
      apiVersion: definition.apiVersion,
      kind: definition.kind,
      metadata: { name },
      spec: { ...spec, group, conversion: { strategy: "None" } },
    }),
  };
}
