import { expect, test } from "vitest";
import { loadProtobufTables, protobufMessageOf } from "./protobuf-tables.ts";
import { hasReference, readReference } from "./testing/reference.ts";

test.each([
  ["", "v1", "Pod", "k8s.io.api.core.v1.Pod"],
  ["", "v1", "PodList", "k8s.io.api.core.v1.PodList"],
  ["apps", "v1", "Deployment", "k8s.io.api.apps.v1.Deployment"],
  ["autoscaling", "v1", "Scale", "k8s.io.api.autoscaling.v1.Scale"],
  ["policy", "v1", "Eviction", "k8s.io.api.policy.v1.Eviction"],
  ["rbac.authorization.k8s.io", "v1", "Role", "k8s.io.api.rbac.v1.Role"],
  ["", "v1", "Status", "k8s.io.apimachinery.pkg.apis.meta.v1.Status"],
  [
    "meta.k8s.io",
    "v1",
    "PartialObjectMetadataList",
    "k8s.io.apimachinery.pkg.apis.meta.v1.PartialObjectMetadataList",
  ],
  ["apps", "v1", "DeleteOptions", "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions"],
  [
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
  ],
])("%s/%s %s is %s", async (group, version, kind, message) => {
  expect(protobufMessageOf({ group, version, kind })).toBe(message);
  expect(await loadProtobufTables()).toHaveProperty([message]);
});

test("unknown kinds have no message", () => {
  expect(protobufMessageOf({ group: "example.com", version: "v1", kind: "Thing" })).toBeUndefined();
});

test("fields have a number, a type and a label", async () => {
  const tables = await loadProtobufTables();
  expect(tables["k8s.io.api.core.v1.Secret"]).toMatchObject({
    data: [2, "map<string, bytes>", ""],
    type: [3, "string", "optional"],
  });
  expect(tables["k8s.io.api.core.v1.PodSpec"]?.["containers"]).toEqual([2, "Container", "repeated"]);
});

test.skipIf(!hasReference)("the tables are those of Kubernetes", async () => {
  const facts = readReference("protobuf-facts.json") as Record<string, unknown>;
  for (const [message, fields] of Object.entries(await loadProtobufTables())) {
    expect([message, fields]).toEqual([message, facts[message]]);
  }
});
