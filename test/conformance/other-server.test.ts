import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../src/cluster/cluster.ts";
import { createPki, type Pki } from "../../src/pki/index.ts";
import { TestCluster } from "../harness/cluster.ts";
import { type Finished, kubectlBinaries } from "../harness/kubectl.ts";

/**
 * A version of a group that another API server serves, with clients that others wrote. The other server is one of ours with
 * a custom resource: it believes the first one who asks, and nobody else reaches it.
 */
const binaries = kubectlBinaries(["1.27", "1.33"]);

let cluster: TestCluster;
let other: Cluster;

beforeAll(async () => {
  if (binaries.length === 0) return;
  cluster = await TestCluster.start();
  other = new Cluster({ pki: pkiBehind(cluster.cluster) });
  await other.startApi();
  const port = await other.listen({ address: "127.0.0.1", port: 0 });
  await other.bootstrap();
  await create(other, definition);
  for (const object of [namespace, serviceAt(port), apiServiceAt(port)])
    await create(cluster.cluster, object);
});

afterAll(async () => {
  await cluster?.stop();
  await other?.stop();
});

/** Certificates of its own, for the name of its Service; of the front proxy that it believes, the first cluster's. */
function pkiBehind({ pki, clock }: Cluster): Pki {
  const own = createPki({ clock, serverNames: { dnsNames: ["flunders.wardle.svc"], ipAddresses: [] } });
  const { frontProxyAuthority, frontProxyClient } = pki;
  return { ...own, frontProxyAuthority, frontProxyClient };
}

const definition = {
  path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  body: {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "flunders.wardle.example.com" },
    spec: {
      group: "wardle.example.com",
      scope: "Namespaced",
      names: { plural: "flunders", singular: "flunder", kind: "Flunder", shortNames: ["fl"] },
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: {
                spec: {
                  type: "object",
                  properties: { size: { type: "integer", maximum: 9, description: "How big it is." } },
                },
              },
            },
          },
        },
      ],
    },
  },
};
const namespace = {
  path: "/api/v1/namespaces",
  body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "wardle" } },
};
const serviceAt = (port: number) => ({
  path: "/api/v1/namespaces/wardle/services",
  body: {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "flunders" },
    spec: { type: "ExternalName", externalName: "localhost", ports: [{ port }] },
  },
});
const apiServiceAt = (port: number) => ({
  path: "/apis/apiregistration.k8s.io/v1/apiservices",
  body: {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1alpha1.wardle.example.com" },
    spec: {
      group: "wardle.example.com",
      version: "v1alpha1",
      groupPriorityMinimum: 2000,
      versionPriority: 200,
      caBundle: Buffer.from(other.pki.authority.certificate).toString("base64"),
      service: { namespace: "wardle", name: "flunders", port },
    },
  },
});

async function create(where: Cluster, { path, body }: { path: string; body: object }): Promise<void> {
  await where.client().transport.request({ method: "POST", path, body });
}

const flunder = (name: string, size: number): string =>
  `apiVersion: wardle.example.com/v1alpha1\nkind: Flunder\nmetadata: {name: ${name}}\nspec: {size: ${size}}\n`;
const lines = ({ stdout }: Finished): string[] => stdout.trimEnd().split("\n");

describe.skipIf(binaries.length === 0)("another API server behind the cluster's (needs kubectl)", () => {
  describe.each(binaries)("kubectl $version", ({ version, path }) => {
    const named = `one-${version.replaceAll(/\W/g, "-")}`;
    const kubectl = (words: readonly string[], input?: string): Promise<Finished> =>
      cluster.kubectl(path)(words, input === undefined ? {} : { input });

    test("shows what is served where", async () => {
      const apiService = "apiservice/v1alpha1.wardle.example.com";
      expect(await kubectl(["wait", "--for=condition=Available", apiService, "--timeout=20s"])).toMatchObject(
        {
          stdout: "apiservice.apiregistration.k8s.io/v1alpha1.wardle.example.com condition met\n",
          code: 0,
        },
      );
      const shown = lines(await kubectl(["get", "apiservices"])).map((line) => line.split(/\s+/).slice(0, 3));
      expect(shown[0]).toEqual(["NAME", "SERVICE", "AVAILABLE"]);
      expect(shown).toContainEqual(["v1.apps", "Local", "True"]);
      expect(shown).toContainEqual(["v1alpha1.wardle.example.com", "wardle/flunders", "True"]);
      expect(shown.filter(([, , available]) => available !== "True")).toHaveLength(1);
      const resources = await kubectl(["api-resources", "--api-group", "wardle.example.com", "--no-headers"]);
      expect(lines(resources).map((line) => line.split(/\s+/))).toEqual([
        ["flunders", "fl", "wardle.example.com/v1alpha1", "true", "Flunder"],
      ]);
      expect(lines(await kubectl(["api-versions"]))).toContain("wardle.example.com/v1alpha1");
    });

    test("creates, shows, changes and deletes what is there", async () => {
      expect(await kubectl(["create", "-f", "-"], flunder(named, 3))).toEqual({
        stderr: "",
        code: 0,
        stdout: `flunder.wardle.example.com/${named} created\n`,
      });
      expect(lines(await kubectl(["get", "fl", named])).map((line) => line.split(/\s+/).slice(0, 2))).toEqual(
        [
          ["NAME", "SIZE"],
          [named, "3"],
        ],
      );
      const applied = await kubectl(
        ["apply", "--server-side", "--force-conflicts", "-f", "-"],
        flunder(named, 4),
      );
      expect([applied.stdout, applied.stderr]).toEqual([
        `flunder.wardle.example.com/${named} serverside-applied\n`,
        "",
      ]);
      const refused = await kubectl([
        "patch",
        "flunder",
        named,
        "--type=merge",
        "-p",
        '{"spec":{"size":10}}',
      ]);
      expect(refused.stderr).toBe(
        `The Flunder "${named}" is invalid: spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9\n`,
      );
      await kubectl(["label", "flunder", named, "a=b"]);
      expect((await kubectl(["get", "flunders", "-l", "a=b", "-o", "name"])).stdout).toContain(
        `flunder.wardle.example.com/${named}\n`,
      );
      // Here it is nobody's: what the other server keeps it keeps itself.
      const { storage } = cluster.cluster;
      expect((await storage.list("/registry/wardle.example.com/")).items).toEqual([]);
      expect((await kubectl(["delete", "flunder", named])).stdout).toMatch(/ deleted/);
    });

    test("explains it", async () => {
      const explained = await kubectl(["explain", "flunder.spec.size"]);
      expect([explained.stderr, explained.stdout]).toEqual(["", expect.stringContaining("How big it is.")]);
    });

    test("asks as who it is, and this server says whether it may", async () => {
      const asked = await kubectl(["get", "flunders", "--as", "jane"]);
      expect(asked.stderr).toBe(
        'Error from server (Forbidden): flunders.wardle.example.com is forbidden: User "jane" cannot list resource "flunders" in API group "wardle.example.com" in the namespace "default"\n',
      );
    });
  });

  test("a namespace is emptied of what other servers hold in it", async () => {
    const [first] = binaries;
    const kubectl = cluster.kubectl(first?.path ?? "");
    await kubectl(["create", "namespace", "work"]);
    await other.client().transport.request({
      method: "POST",
      path: "/api/v1/namespaces",
      body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "work" } },
    });
    await kubectl(["create", "-n", "work", "-f", "-"], { input: flunder("left", 1) });
    const deleted = await kubectl(["delete", "namespace", "work", "--timeout=30s"]);
    expect([deleted.code, deleted.stderr]).toEqual([0, ""]);
    const { items } = await other.storage.list("/registry/wardle.example.com/flunders/work/");
    expect(items).toEqual([]);
  });

  test("who asks for what is away is told", async () => {
    await other.stop();
    const [first] = binaries;
    const kubectl = cluster.kubectl(first?.path ?? "");
    const asked = await kubectl(["get", "flunders"]);
    expect(asked.stderr).toMatch(
      /^Error from server \(ServiceUnavailable\): (?:error trying to reach service: |the server is currently unable to handle the request)/,
    );
    // The rest is there as before.
    expect((await kubectl(["get", "namespaces"])).code).toBe(0);
  });
});
