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

/**
 * Manifests that others wrote: those of the Kubernetes documentation, and three applications. Each object is sent as
 * `kubectl apply --dry-run=server` sends it, most by a client of this process, which meets the same authorization,
 * admission and validation, a sample by kubectl itself.
 */
const folder = fileURLToPath(new URL("../../../shared/manifests/", import.meta.url));
const files = existsSync(folder) ? globSync("**/*.{yaml,yml,json}", { cwd: folder }).sort() : [];

const unserved = (version: string, ...kinds: string[]): string[] =>
  kinds.map((kind) => `no matches for kind "${kind}" in version "${version}"`);
const gateway = (...kinds: string[]): string[] => unserved("gateway.networking.k8s.io/v1", ...kinds);
const istio = (...kinds: string[]): string[] => unserved("networking.istio.io/v1", ...kinds);
const policies = (...kinds: string[]): string[] => unserved("admissionregistration.k8s.io/v1", ...kinds);
const times = (count: number, kind: string): string[] => Array<string>(count).fill(kind);
const dualStack = (name: string, index = 0): string =>
  `Service "${name}" is invalid: [spec.ipFamilyPolicy: Invalid value: "RequireDualStack": ` +
  "this cluster is not configured for dual-stack services, " +
  `spec.ipFamilies[${index}]: Invalid value: "IPv6": not configured on this cluster]`;

/** Every refusal, by file. It is checked both ways: these must be, and no other may be. */
const refused: Readonly<Record<string, readonly string[]>> = {
  // Custom resources of others, whose definitions are not installed. A Kubernetes without them refuses them alike.
  "bookinfo/gateway-api/bookinfo-gateway.yaml": gateway("Gateway", "HTTPRoute"),
  "bookinfo/gateway-api/route-all-v1.yaml": gateway(...times(4, "HTTPRoute")),
  "bookinfo/gateway-api/route-reviews-50-v3.yaml": gateway("HTTPRoute"),
  "bookinfo/gateway-api/route-reviews-90-10.yaml": gateway("HTTPRoute"),
  "bookinfo/gateway-api/route-reviews-v1.yaml": gateway("HTTPRoute"),
  "bookinfo/gateway-api/route-reviews-v3.yaml": gateway("HTTPRoute"),
  "bookinfo/networking/bookinfo-gateway.yaml": istio("Gateway", "VirtualService"),
  "bookinfo/networking/destination-rule-all-mtls.yaml": istio(...times(4, "DestinationRule")),
  "bookinfo/networking/destination-rule-all.yaml": istio(...times(4, "DestinationRule")),
  "bookinfo/networking/destination-rule-reviews.yaml": istio("DestinationRule"),
  "bookinfo/networking/egress-rule-google-apis.yaml": istio(
    "ServiceEntry",
    "VirtualService",
    "DestinationRule",
  ),
  "bookinfo/networking/fault-injection-details-v1.yaml": istio("VirtualService", "DestinationRule"),
  "bookinfo/networking/virtual-service-all-v1.yaml": istio(...times(4, "VirtualService")),
  "bookinfo/networking/virtual-service-details-v2.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-ratings-db.yaml": istio(...times(2, "VirtualService")),
  "bookinfo/networking/virtual-service-ratings-mysql-vm.yaml": istio(...times(2, "VirtualService")),
  "bookinfo/networking/virtual-service-ratings-mysql.yaml": istio(...times(2, "VirtualService")),
  "bookinfo/networking/virtual-service-ratings-test-abort.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-ratings-test-delay.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-50-v3.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-80-20.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-90-10.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-jason-v2-v3.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-test-v2.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-v2-v3.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-v3.yaml": istio("VirtualService"),
  "bookinfo/platform/kube/bookinfo-certificate.yaml": unserved(
    "certmanager.k8s.io/v1alpha1",
    "ClusterIssuer",
    "Certificate",
  ),
  "kubernetes-docs/customresourcedefinition/shirt-resources.yaml": unserved(
    "stable.example.com/v1",
    ...times(3, "Shirt"),
  ),
  "kubernetes-docs/validatingadmissionpolicy/replicalimit-param-prod.yaml": unserved(
    "rules.example.com/v1",
    "ReplicaLimit",
  ),
  "microservices-demo/istio-manifests.yaml": [
    ...unserved("networking.istio.io/v1alpha3", "VirtualService"),
    ...unserved("gateway.networking.k8s.io/v1beta1", "Gateway", "HTTPRoute"),
    ...unserved("networking.istio.io/v1alpha3", ...times(2, "ServiceEntry")),
  ],
  // The cluster has IPv4 alone; a Kubernetes of one family says the same.
  "bookinfo/platform/kube/bookinfo-details-dualstack.yaml": [dualStack("details")],
  "bookinfo/platform/kube/bookinfo-dualstack.yaml": [
    dualStack("details"),
    dualStack("ratings"),
    dualStack("reviews", 1),
    dualStack("productpage", 1),
  ],
  "bookinfo/platform/kube/bookinfo-ratings-discovery-dualstack.yaml": [dualStack("ratings")],
  "bookinfo/platform/kube/bookinfo-ratings-dualstack.yaml": [dualStack("ratings")],
  // Policies in CEL are not served yet.
  "kubernetes-docs/access/image-matches-namespace-environment.policy.yaml":
    policies("ValidatingAdmissionPolicy"),
  "kubernetes-docs/access/validating-admission-policy-audit-annotation.yaml":
    policies("ValidatingAdmissionPolicy"),
  "kubernetes-docs/validatingadmissionpolicy/basic-example-policy.yaml":
    policies("ValidatingAdmissionPolicy"),
  "kubernetes-docs/validatingadmissionpolicy/typechecking.yaml": policies("ValidatingAdmissionPolicy"),
  // A fragment: its second document is the rest of the first.
  "kubernetes-docs/validatingadmissionpolicy/failure-policy-ignore.yaml": [
    ...policies("ValidatingAdmissionPolicy"),
    "is no object: kind or apiVersion not set",
  ],
  // Files for the command line of the API server and of a certificate authority, not for the API.
  "kubernetes-docs/admin/konnectivity/egress-selector-configuration.yaml": unserved(
    "apiserver.k8s.io/v1beta1",
    "EgressSelectorConfiguration",
  ),
  "kubernetes-docs/tls/server-signing-config.json": ["is no object: kind or apiVersion not set"],
  // Removed in Kubernetes 1.25.
  "kubernetes-docs/policy/baseline-psp.yaml": unserved("policy/v1beta1", "PodSecurityPolicy"),
  "kubernetes-docs/policy/privileged-psp.yaml": unserved("policy/v1beta1", "PodSecurityPolicy"),
  "kubernetes-docs/policy/restricted-psp.yaml": unserved("policy/v1beta1", "PodSecurityPolicy"),
  // The text leaves it to the reader to make the class.
  "kubernetes-docs/policy/high-priority-pod.yaml": [
    'pods "high-priority" is forbidden: no PriorityClass with name high was found',
  ],
  // \\' is no escape sequence in double quotes; kubectl cannot read it either.
  "kubernetes-docs/pods/inject/envars-file-container.yaml": [
    "cannot be read: yaml: line 9: unknown escape sequence",
  ],
};

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
