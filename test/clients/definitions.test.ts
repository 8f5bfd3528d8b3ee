/**
 * Custom resources that people use: the Gateway API, cert-manager, the Prometheus operator. Their files are kept between
 * runs; they are fetched with SAMPAN_CLIENTS=1 (`npm run clients`) only.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Transport } from "../../src/apimachinery/transport.ts";
import { printYaml } from "../../src/apimachinery/yaml.ts";
import { TestCluster } from "../harness/cluster.ts";
import { explainedFields } from "../harness/explained.ts";
import { kubectlBinaries } from "../harness/kubectl.ts";
import { type Fields, ownedFields } from "./definitions/owned-fields.ts";
import {
  type Definition,
  type PackAtHand,
  packsAtHand,
  type Sample,
  type Schema,
} from "./definitions/packs.ts";

const definitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const binaries = kubectlBinaries(["1.27", "1.30", "1.33"]);
const packs = packsAtHand();
for (const { name, missing } of packs)
  if (missing !== undefined) console.log(`skipped: definitions of ${name} (${missing})`);

interface Condition {
  readonly type: string;
  readonly status: string;
}

interface Stored {
  readonly metadata: { readonly managedFields?: readonly { manager: string; fieldsV1: Fields }[] };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

describe.each(packs.filter(({ missing }) => missing === undefined))("$name", (pack: PackAtHand) => {
  const definitions = pack.definitions();
  const samples = pack.samples();
  let cluster: TestCluster;
  let transport: Transport;

  const call = async (
    method: "GET" | "POST" | "PATCH",
    path: string,
    body?: unknown,
    more: object = {},
  ): Promise<Stored> => {
    const answer = await transport.request({ method, path, body, ...more });
    return answer.body as Stored;
  };

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: 0 });
    ({ transport } = cluster.cluster.client());
    for (const definition of definitions) {
      const { warnings } = await transport.request({
        method: "POST",
        path: definitionsPath,
        body: definition,
      });
      if (warnings.length > 0) throw new Error(`${definition.metadata.name}: ${warnings.join("; ")}`);
    }
  }, 120_000);
  afterAll(() => cluster.stop());

  test("has definitions, each accepted without a doubt", async () => {
    expect(definitions.length).toBeGreaterThan(5);
    for (const { metadata } of definitions) {
      const path = `${definitionsPath}/${metadata.name}`;
      await expect
        .poll(async () => conditionsOf(await call("GET", path)), { timeout: 30_000 })
        .toEqual({ ...approved(metadata), NamesAccepted: "True", Established: "True" });
    }
  });

  test("is in discovery, version by version", async () => {
    for (const { spec } of definitions) {
      for (const { name, served } of spec.versions) {
        const list = (await call("GET", `/apis/${spec.group}/${name}`).catch(() => undefined)) as
          | { resources?: readonly { name: string }[] }
          | undefined;
        const isThere = list?.resources?.some((resource) => resource.name === spec.names.plural) ?? false;
        expect([spec.names.plural, name, isThere]).toEqual([spec.names.plural, name, served]);
      }
    }
  });

  test.each(binaries)(
    "is explained by kubectl $version, field by field",
    async ({ path }) => {
      for (const { spec } of definitions) {
        const version = spec.versions.find(({ storage }) => storage);
        const schema = version?.schema.openAPIV3Schema;
        const resource = spec.names.plural;
        const args = ["explain", resource, "--recursive", `--api-version=${spec.group}/${version?.name}`];
        const { stdout, stderr, code } = await cluster.kubectl(path)(args);
        expect([resource, stderr, code]).toEqual([resource, "", 0]);
        const expected = [...fieldsOf({ properties: { spec: schema?.properties?.["spec"] ?? {} } }, 0)];
        const all = explainedFields(stdout);
        const from = all.indexOf("0 spec");
        expect(all.slice(from, from + expected.length)).toEqual(expected);
        expect([resource, expected.length > 2 || schema?.properties?.["spec"] === undefined]).toEqual([
          resource,
          true,
        ]);
      }
    },
    240_000,
  );

  test("has a sample of every kind", () => {
    const kinds = new Set(samples.map(({ kind }) => kind));
    expect(definitions.map(({ spec }) => spec.names.kind).filter((kind) => !kinds.has(kind))).toEqual([]);
  });

  test("takes objects by server-side apply, and their fields are owned by the schema", async () => {
    const manager = "tester";
    for (const sample of samples) {
      const found = resourceOf(definitions, sample);
      if (found === undefined) continue;
      const { path, schema, namespace } = found;
      if (namespace !== undefined && namespace !== "default")
        await call("POST", "/api/v1/namespaces", { metadata: { name: namespace } }).catch(() => undefined);
      const stored = await call("PATCH", path, sample, {
        contentType: "application/apply-patch+yaml",
        query: { fieldManager: manager, force: "true", fieldValidation: "Strict" },
      });
      const owned = stored.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;
      const {
        apiVersion: _a,
        kind: _k,
        metadata: _m,
        ...content
      } = sample as unknown as Record<string, unknown>;
      expect([path, { ...owned, "f:metadata": undefined }]).toEqual([
        path,
        { ...ownedFields(schema, content), "f:metadata": undefined },
      ]);
    }
  });

  test.each(binaries)("takes them from kubectl $version", async ({ path, version }) => {
    const ours = samples.filter((sample) => resourceOf(definitions, sample) !== undefined).slice(0, 12);
    const file = cluster.write(`${pack.name}.yaml`, ours.map((each) => printYaml(each)).join("---\n"));
    const args = [
      "apply",
      "--server-side",
      "--force-conflicts",
      `--field-manager=kubectl-${version}`,
      "-f",
      file,
    ];
    const { stdout, stderr, code } = await cluster.kubectl(path)(args);
    expect([stderr, code]).toEqual(["", 0]);
    expect(stdout.match(/serverside-applied/g)?.length).toBe(ours.length);
  });
});

/** What is of a group of Kubernetes says who approved of it. */
const approved = ({ name }: Definition["metadata"]): Record<string, string> =>
  name.endsWith(".k8s.io") ? { KubernetesAPIApprovalPolicyConformant: "True" } : {};

function conditionsOf({ status }: Stored): Record<string, string> {
  return Object.fromEntries((status?.conditions ?? []).map(({ type, status: is }) => [type, is]));
}

/** Where an object of a definition lies, and how it is described. */
function resourceOf(
  definitions: readonly Definition[],
  { apiVersion, kind, metadata }: Sample,
): { path: string; schema: Schema; namespace: string | undefined } | undefined {
  const [group = "", name = ""] = apiVersion.split("/");
  const definition = definitions.find(({ spec }) => spec.group === group && spec.names.kind === kind);
  const version = definition?.spec.versions.find((each) => each.name === name && each.served);
  if (definition === undefined || version === undefined) return undefined;
  const { spec } = definition;
  const namespace = spec.scope === "Namespaced" ? (metadata.namespace ?? "default") : undefined;
  const scope = namespace === undefined ? "" : `/namespaces/${namespace}`;
  const path = `/apis/${group}/${name}${scope}/${spec.names.plural}/${metadata.name}`;
  return { path, schema: version.schema.openAPIV3Schema, namespace };
}

/** Every field below a schema as explain prints it: its depth and its name. */
function* fieldsOf(schema: Schema, depth: number): Generator<string> {
  const { items, additionalProperties } = schema;
  const inner = items ?? (typeof additionalProperties === "object" ? additionalProperties : undefined);
  if (inner !== undefined) yield* fieldsOf(inner, depth);
  const properties = Object.entries(schema.properties ?? {});
  for (const [name, property] of properties.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    yield `${depth} ${name}`;
    yield* fieldsOf(property, depth + 1);
  }
}
