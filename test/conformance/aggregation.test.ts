import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wardleV2, wardleV3 } from "../../src/apiserver/aggregation/documents/testing/wardle-openapi.ts";
import {
  ExtensionServer,
  json,
  type SeenRequest,
} from "../../src/apiserver/aggregation/testing/extension-server.ts";
import { TestCluster } from "../harness/cluster.ts";
import { type Kubectl, kubectlBinaries } from "../harness/kubectl.ts";

/** What kubectl makes of resources that another API server serves. */
const binaries = kubectlBinaries(["1.27", "1.30", "1.33"]);
const base = "/apis/wardle.example.com/v1alpha1";

let cluster: TestCluster;
let extension: ExtensionServer;

beforeAll(async () => {
  if (binaries.length === 0) return;
  cluster = await TestCluster.start({ nodes: 0 });
  extension = await ExtensionServer.listen();
  serveFlunders(extension);
  cluster.write("wardle.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: objects() }));
  const kubectl = cluster.kubectl(binaries.at(-1)?.path ?? "");
  await kubectl(["apply", "-f", "wardle.json"]);
  const waiting = ["--for=condition=Available", "--timeout=30s"];
  const { stderr } = await kubectl(["wait", "apiservice/v1alpha1.wardle.example.com", ...waiting]);
  if (stderr !== "") throw new Error(stderr);
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  await extension?.close();
});

const objects = (): object[] => [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "wardle" } },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "sample-api", namespace: "wardle" },
    spec: { type: "ExternalName", externalName: "localhost" },
  },
  {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1alpha1.wardle.example.com" },
    spec: {
      group: "wardle.example.com",
      version: "v1alpha1",
      groupPriorityMinimum: 2000,
      versionPriority: 200,
      caBundle: extension.caBundle,
      service: { namespace: "wardle", name: "sample-api", port: extension.port },
    },
  },
];

/** Keeps flunders in memory, and says what they are. */
class Flunders {
  readonly #kept = new Map<string, { metadata: { name: string } }>();

  answer({ method, url, body }: SeenRequest, response: ServerResponse): void {
    const path = url.split("?")[0] ?? "";
    const documents: Record<string, () => object> = {
      "/openapi/v2": wardleV2,
      [`/openapi/v3${base}`]: wardleV3,
      "/openapi/v3": () => ({
        paths: { [base.slice(1)]: { serverRelativeURL: `/openapi/v3${base}?hash=1` } },
      }),
    };
    const document = documents[path];
    if (document !== undefined) return json(response, document());
    const collection = `${base}/namespaces/default/flunders`;
    if (path === collection && method === "POST") {
      const made = JSON.parse(body) as { metadata: { name: string } };
      const stored = { ...made, metadata: { ...made.metadata, namespace: "default", uid: "1" } };
      this.#kept.set(made.metadata.name, stored);
      return json(response, stored, 201);
    }
    const kind = { apiVersion: "wardle.example.com/v1alpha1" };
    if (path === collection)
      return json(response, { ...kind, kind: "FlunderList", metadata: {}, items: [...this.#kept.values()] });
    const name = path.slice(collection.length + 1);
    const found = this.#kept.get(name);
    if (method === "DELETE") this.#kept.delete(name);
    const missing = { apiVersion: "v1", kind: "Status", status: "Failure", reason: "NotFound", code: 404 };
    return found === undefined ? json(response, missing, 404) : json(response, found);
  }
}

function serveFlunders(server: ExtensionServer): void {
  const flunders = new Flunders();
  server.handler = (request, response) => flunders.answer(request, response);
}

const flunder = JSON.stringify({
  apiVersion: "wardle.example.com/v1alpha1",
  kind: "Flunder",
  metadata: { name: "first" },
  spec: { reference: "second" },
});

describe.each(binaries)("kubectl $version and resources of another server", ({ path }) => {
  const kubectl: Kubectl = (...args) => cluster.kubectl(path)(...args);

  test("lists them", async () => {
    const resources = await kubectl(["api-resources", "--api-group=wardle.example.com", "--no-headers"]);
    expect(resources.stderr).toBe("");
    expect(resources.stdout.trim().split(/\s+/)).toEqual([
      "flunders",
      "wardle.example.com/v1alpha1",
      "true",
      "Flunder",
    ]);
    const versions = await kubectl(["api-versions"]);
    expect(versions.stdout).toContain("wardle.example.com/v1alpha1\n");
  });

  test("explains them", async () => {
    const explained = await kubectl(["explain", "flunders", "--recursive"]);
    expect([explained.stderr, explained.code]).toEqual(["", 0]);
    expect(explained.stdout).toContain("A flunder flounders.");
    const field = await kubectl(["explain", "flunders.spec.reference"]);
    expect(field.stdout).toContain("Another flunder.");
  });

  test("makes, reads and deletes one", async () => {
    const made = await kubectl(["create", "-f", "-"], { input: flunder });
    expect([made.stdout, made.stderr]).toEqual(["flunder.wardle.example.com/first created\n", ""]);
    const read = await kubectl(["get", "flunders", "-o", "name"]);
    expect(read.stdout).toBe("flunder.wardle.example.com/first\n");
    const field = await kubectl(["get", "flunder", "first", "-o", "jsonpath={.spec.reference}"]);
    expect(field.stdout).toBe("second");
    const deleted = await kubectl(["delete", "flunder", "first", "--wait=false"]);
    expect(deleted.stdout).toBe('flunder.wardle.example.com "first" deleted\n');
  });

  test("refuses fields that their server does not describe", async () => {
    const input = flunder.replace('"reference"', '"referenze"');
    // The server said nothing of validating fields itself, so kubectl does.
    const made = await kubectl(["create", "-f", "-", "--validate=true"], { input });
    expect(made.stderr).toContain('unknown field "referenze"');
    expect(made.code).toBe(1);
  });
});
