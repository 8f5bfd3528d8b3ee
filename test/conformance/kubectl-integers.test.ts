import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCluster } from "../harness/cluster.ts";
import { type Kubectl, kubectlBinaries } from "../harness/kubectl.ts";

/** Whole numbers of 64 bits in custom resources, through the oldest and the newest kubectl. */
const binaries = kubectlBinaries(["1.27", "1.33"]);

let cluster: TestCluster;

beforeAll(async () => {
  if (binaries.length > 0) cluster = await TestCluster.start();
});

afterAll(async () => {
  await cluster?.stop();
});

const definition = (group: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: counters.${group}}
spec:
  group: ${group}
  scope: Namespaced
  names: {plural: counters, singular: counter, kind: Counter}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Count, type: integer, jsonPath: .spec.count}]
    schema:
      openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {count: {type: integer, format: int64}}}}}
`;
const counter = (group: string, n: string): string => `
apiVersion: ${group}/v1
kind: Counter
metadata: {name: one}
spec: {count: ${n}}
`;

test.each(binaries)("kubectl $version applies and shows them to the digit", async ({ version, path }) => {
  const kubectl: Kubectl = async (args, options) => {
    const finished = await cluster.kubectl(path, "default")(args, options);
    expect([finished.code, finished.stderr]).toEqual([0, ""]);
    return finished;
  };
  const group = `v${version.replaceAll(".", "-")}.example.com`;
  await kubectl(["apply", "-f", "-"], { input: definition(group) });
  await kubectl(["wait", "--for=condition=Established", `crd/counters.${group}`]);
  const shown = async (...how: string[]): Promise<string> =>
    (await kubectl(["get", `counters.${group}`, "one", ...how])).stdout;
  await kubectl(["apply", "-f", "-"], { input: counter(group, "9007199254740993") });
  expect(await shown("-o", "jsonpath={.spec.count}")).toBe("9007199254740993");
  expect(await shown("--no-headers")).toMatch(/^one +9007199254740993\n/);
  // The patches of "apply" are made of floats, by kubectl itself.
  await kubectl(["replace", "-f", "-"], { input: counter(group, "9223372036854775807") });
  expect(await shown("-o", "yaml")).toContain("count: 9223372036854775807\n");
  const applied = await kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], {
    input: counter(group, "-9007199254740995"),
  });
  expect(applied.stderr).toBe("");
  expect(await shown("-o", "jsonpath={.spec.count}")).toBe("-9007199254740995");
});
