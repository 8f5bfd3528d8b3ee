import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtinScheme } from "../../src/api/builtin-scheme.ts";
import { hasReference, referenceFolder } from "../../src/api/testing/reference.ts";
import { TestCluster } from "../harness/cluster.ts";
import { explainedFields } from "../harness/explained.ts";
import { kubectlBinaries } from "../harness/kubectl.ts";

/** `kubectl explain --recursive` of every resource: the fields and types that Kubernetes' own description has. */
let cluster: TestCluster;
const binary = kubectlBinaries(["1.33", "1.30", "1.27"])[0];

interface Definition {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Definition>>;
  readonly items?: Definition;
  readonly additionalProperties?: Definition;
}

const definitions = hasReference
  ? (
      JSON.parse(readFileSync(`${referenceFolder}openapi-v2.json`, "utf8")) as {
        definitions: Record<string, Definition>;
      }
    ).definitions
  : {};
const resources = builtinScheme().resources();

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 0 });
});
afterAll(async () => {
  await cluster.stop();
});

/**
 * Every field below a type as explain prints it, a line each: its depth and its name. A type within itself, as schemas are
 * in definitions of custom resources, is named and not entered again.
 */
function* fieldsOf(
  definition: Definition,
  depth: number,
  within: ReadonlySet<string> = new Set(),
): Generator<string> {
  const { $ref, items, additionalProperties } = definition;
  if ($ref !== undefined) {
    if (within.has($ref)) return;
    const named = definitions[$ref.replace("#/definitions/", "")] ?? {};
    yield* fieldsOf(named, depth, new Set([...within, $ref]));
    return;
  }
  const inner = items ?? additionalProperties;
  if (inner !== undefined) yield* fieldsOf(inner, depth, within);
  const properties = Object.entries(definition.properties ?? {});
  for (const [name, property] of properties.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    yield `${depth} ${name}`;
    yield* fieldsOf(property, depth + 1, within);
  }
}

describe.skipIf(binary === undefined || !hasReference)(
  "kubectl explain --recursive (needs kubectl, ../shared)",
  () => {
    test.each(resources.map((info) => [info.group, info.version, info.resource, info.schemaName] as const))(
      "%s %s %s",
      async (group, version, resource, schemaName) => {
        const apiVersion = group === "" ? version : `${group}/${version}`;
        const { code, stdout, stderr } = await cluster.kubectl(binary?.path ?? "")([
          "explain",
          resource,
          `--api-version=${apiVersion}`,
          "--recursive",
        ]);
        expect([code, stderr.replace(/^WARNING: version difference.*\n/gm, "")]).toEqual([0, ""]);
        expect(explainedFields(stdout)).toEqual([...fieldsOf({ $ref: `#/definitions/${schemaName}` }, 0)]);
      },
    );
  },
);
