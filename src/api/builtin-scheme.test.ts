import { expect, test } from "vitest";
import { builtinScheme } from "./builtin-scheme.ts";
import { fixturesOf, hasReference } from "./testing/reference.ts";

const scheme = builtinScheme();
const name = ({ group, version }: { group: string; version: string }): string =>
  group === "" ? version : `${group}/${version}`;

test("groups stand in the order of discovery, each with its preferred version first", () => {
  expect(scheme.groupVersions().map(name)).toEqual([
    "v1",
    "apiregistration.k8s.io/v1",
    "apps/v1",
    "events.k8s.io/v1",
    "authentication.k8s.io/v1",
    "authorization.k8s.io/v1",
    "autoscaling/v2",
    "autoscaling/v1",
    "batch/v1",
    "certificates.k8s.io/v1",
    "networking.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "storage.k8s.io/v1",
    "admissionregistration.k8s.io/v1",
    "apiextensions.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "coordination.k8s.io/v1",
    "node.k8s.io/v1",
    "discovery.k8s.io/v1",
    "resource.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1",
  ]);
});

test("betas are served when asked for, and share objects with the stable version where there is one", () => {
  const betas = builtinScheme({ betas: true });
  const resource = (group: string, version: string, plural: string): unknown =>
    betas.resource({ group, version, resource: plural })?.storage;
  expect(betas.groupVersions().map(name)).toContain("networking.k8s.io/v1beta1");
  expect(resource("networking.k8s.io", "v1beta1", "ipaddresses")).toMatchObject({ version: "v1" });
  expect(resource("coordination.k8s.io", "v1beta1", "leasecandidates")).toMatchObject({ version: "v1beta1" });
});

test("a resource is what discovery says of it", () => {
  expect(scheme.resource({ group: "apps", version: "v1", resource: "deployments" })).toEqual({
    group: "apps",
    version: "v1",
    kind: "Deployment",
    listKind: "DeploymentList",
    resource: "deployments",
    singular: "deployment",
    shortNames: ["deploy"],
    categories: ["all"],
    namespaced: true,
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    subresources: [
      {
        name: "scale",
        verbs: ["get", "patch", "update"],
        kind: { group: "autoscaling", version: "v1", kind: "Scale" },
      },
      { name: "status", verbs: ["get", "patch", "update"] },
    ],
    schemaName: "io.k8s.api.apps.v1.Deployment",
    storage: { group: "apps", version: "v1", resource: "deployments" },
  });
});

test.each([
  ["attach", ["create", "get"], "PodAttachOptions"],
  ["binding", ["create"], "Binding"],
  ["ephemeralcontainers", ["get", "patch", "update"], undefined],
  ["eviction", ["create"], "Eviction"],
  ["exec", ["create", "get"], "PodExecOptions"],
  ["log", ["get"], undefined],
  ["portforward", ["create", "get"], "PodPortForwardOptions"],
  ["proxy", ["create", "delete", "get", "patch", "update"], "PodProxyOptions"],
  ["resize", ["get", "patch", "update"], undefined],
  ["status", ["get", "patch", "update"], undefined],
])("pods/%s", (subresource, verbs, kind) => {
  const pods = scheme.resource({ group: "", version: "v1", resource: "pods" });
  const found = pods?.subresources.find((candidate) => candidate.name === subresource);
  expect(found?.verbs).toEqual(verbs);
  expect(found?.kind?.kind).toBe(kind);
});

test("versions that share objects name the same storage", () => {
  const storage = (group: string, version: string, resource: string): unknown =>
    scheme.resource({ group, version, resource })?.storage;
  expect(storage("events.k8s.io", "v1", "events")).toEqual(storage("", "v1", "events"));
  expect(storage("autoscaling", "v1", "horizontalpodautoscalers")).toEqual(
    storage("autoscaling", "v2", "horizontalpodautoscalers"),
  );
});

test("resources are found by plural and by kind, and not otherwise", () => {
  expect(scheme.resourceForKind({ group: "", version: "v1", kind: "Pod" })?.resource).toBe("pods");
  expect(scheme.resourceForKind({ group: "autoscaling", version: "v1", kind: "Scale" })).toBeUndefined();
  expect(scheme.resource({ group: "apps", version: "v1beta1", resource: "deployments" })).toBeUndefined();
});

test("every resource has a schema, and every reference in it leads somewhere", () => {
  const seen = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { ref } = value as { ref?: unknown };
    if (typeof ref === "string") follow(ref);
    Object.values(value).forEach(visit);
  };
  const follow = (schemaName: string): void => {
    if (seen.has(schemaName)) return;
    seen.add(schemaName);
    const schema = scheme.schemas.get(schemaName);
    expect([schemaName, schema]).not.toEqual([schemaName, undefined]);
    visit(schema);
  };
  for (const { schemaName } of scheme.resources()) follow(schemaName);
  expect(seen.size).toBeGreaterThan(300);
});

test.skipIf(!hasReference)("there is a fixture of nearly every kind that can be kept", () => {
  expect(fixturesOf(scheme).length).toBeGreaterThan(50);
});
