import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isObject } from "../../src/apimachinery/json.ts";
import type { UnstructuredObject } from "../../src/apimachinery/object.ts";
import { isNotFound, StatusError } from "../../src/apimachinery/status.ts";
import type { Transport } from "../../src/apimachinery/transport.ts";
import { parseYamlDocuments } from "../../src/apimachinery/yaml.ts";
import { eventually, TestCluster } from "../harness/cluster.ts";
import { type Kubectl, kubectlBinaries } from "../harness/kubectl.ts";
import { refused } from "./manifests-refused.ts";

/**
 * Manifests that others wrote: those of the Kubernetes documentation, and three applications. Each object is sent as
 * `kubectl apply --dry-run=server` sends it, most by a client of this process, which meets the same authorization,
 * admission and validation, a sample by kubectl itself.
 */
const folder = fileURLToPath(new URL("../../../shared/manifests/", import.meta.url));
const files = existsSync(folder) ? globSync("**/*.{yaml,yml,json}", { cwd: folder }).sort() : [];

let cluster: TestCluster;
let transport: Transport;

beforeAll(async () => {
  if (files.length === 0) return;
  cluster = await TestCluster.start();
  transport = cluster.cluster.client().transport;
  await makeNamespaces();
});

afterAll(async () => {
  await cluster?.stop();
});

/** What a file holds, item by item; a string says why it cannot be read. */
function objectsOf(file: string): UnstructuredObject[] | string {
  try {
    const documents = parseYamlDocuments(readFileSync(join(folder, file), "utf8")).filter(
      (document) => document !== null && document !== undefined,
    );
    return documents.flatMap((document) =>
      isObject(document) && document["kind"] === "List"
        ? (document["items"] as UnstructuredObject[])
        : [document as UnstructuredObject],
    );
  } catch (error) {
    return `cannot be read: ${String(error instanceof Error ? error.message : error).split("\n")[0]}`;
  }
}

/** The namespaces that the files name: a dry run makes none, and nothing can be put into one that is missing. */
async function makeNamespaces(): Promise<void> {
  const names = new Set<string>();
  for (const file of files) {
    const objects = objectsOf(file);
    if (typeof objects === "string") continue;
    for (const { metadata } of objects) if (metadata?.namespace !== undefined) names.add(metadata.namespace);
  }
  const accounts: Promise<unknown>[] = [];
  for (const name of [...names, "default"]) {
    await transport
      .request({
        method: "POST",
        path: "/api/v1/namespaces",
        body: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      })
      .catch(() => undefined);
    const path = `/api/v1/namespaces/${name}/serviceaccounts/default`;
    accounts.push(eventually(() => transport.request({ method: "GET", path })));
  }
  await Promise.all(accounts);
}

const kinds = new Map<string, Promise<Map<string, { name: string; namespaced: boolean }>>>();

/** The kinds of a version as discovery tells them. */
function kindsOf(apiVersion: string): Promise<Map<string, { name: string; namespaced: boolean }>> {
  const known = kinds.get(apiVersion);
  if (known !== undefined) return known;
  const path = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const found = transport.request({ method: "GET", path }).then(
    ({ body }) => {
      const { resources } = body as { resources: { name: string; kind: string; namespaced: boolean }[] };
      return new Map(resources.filter(({ name }) => !name.includes("/")).map((each) => [each.kind, each]));
    },
    (error: unknown) => {
      if (isNotFound(error)) return new Map<string, never>();
      throw error;
    },
  );
  kinds.set(apiVersion, found);
  return found;
}

/** Undefined when the server takes the object, else what it says. */
async function refusalOf(object: UnstructuredObject): Promise<string | undefined> {
  if (!isObject(object) || typeof object.apiVersion !== "string" || typeof object.kind !== "string") {
    return "is no object: kind or apiVersion not set";
  }
  const resource = (await kindsOf(object.apiVersion)).get(object.kind);
  if (resource === undefined) return `no matches for kind "${object.kind}" in version "${object.apiVersion}"`;
  const base = object.apiVersion.includes("/") ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const within = resource.namespaced ? `/namespaces/${object.metadata.namespace ?? "default"}` : "";
  const query = { dryRun: "All", fieldManager: "kubectl-client-side-apply", fieldValidation: "Strict" };
  try {
    await transport.request({
      method: "POST",
      path: `${base}${within}/${resource.name}`,
      query,
      body: object,
    });
    return undefined;
  } catch (error) {
    if (error instanceof StatusError && error.status.reason === "AlreadyExists") return undefined;
    if (error instanceof StatusError) return error.message;
    throw error;
  }
}

describe.skipIf(files.length === 0)(`manifests${files.length === 0 ? " (no ../shared)" : ""}`, () => {
  test("there are all 183 of the documentation", () => {
    expect(files.filter((file) => file.startsWith("kubernetes-docs/")).length).toBe(183);
  });

  test("the table of refusals names files that exist", () => {
    expect(Object.keys(refused).filter((file) => !files.includes(file))).toEqual([]);
  });

  test.each(files)("%s", async (file) => {
    const objects = objectsOf(file);
    const reasons = typeof objects === "string" ? [objects] : await Promise.all(objects.map(refusalOf));
    expect(reasons.filter((reason) => reason !== undefined)).toEqual(refused[file] ?? []);
  });
});

const binaries = kubectlBinaries(["1.27", "1.33"]);

/** One process for many files: what a few commands say about all of the documentation's that are accepted. */
describe.skipIf(files.length === 0 || binaries.length === 0)(
  `manifests by kubectl${binaries.length === 0 ? " (not in PATH)" : ""}`,
  () => {
    test.each(binaries)("$version applies what is accepted, as a dry run", async ({ path }) => {
      const kubectl: Kubectl = cluster.kubectl(path);
      const accepted = files.filter(
        (file) => file.startsWith("kubernetes-docs/") && refused[file] === undefined,
      );
      const args = accepted.flatMap((file) => ["-f", join(folder, file)]);
      const { code, stdout, stderr } = await kubectl(["apply", "--dry-run=server", ...args]);
      expect({ code, errors: stderr.split("\n").filter((line) => /^(error|Error)/.test(line)) }).toEqual({
        code: 0,
        errors: [],
      });
      const lines = stdout.trim().split("\n");
      expect(
        lines.filter((line) => !/ (created|unchanged|configured) \(server dry run\)$/.test(line)),
      ).toEqual([]);
      expect(lines.length).toBeGreaterThan(accepted.length);
    });
  },
);
