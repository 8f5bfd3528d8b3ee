import { expect, test } from "vitest";
import { objectKey, parseKey, resourcePrefix } from "./storage-key.ts";

const pods = { group: "", resource: "pods" };
const nodes = { group: "", resource: "nodes" };
const roles = { group: "rbac.authorization.k8s.io", resource: "roles" };

test("keys name group, resource, namespace and name", () => {
  expect(objectKey(pods, "default", "web")).toBe("/registry/core/pods/default/web");
  expect(objectKey(nodes, "", "a")).toBe("/registry/core/nodes/a");
  expect(resourcePrefix(roles, "x")).toBe("/registry/rbac.authorization.k8s.io/roles/x/");
});

test("parseKey() is the inverse of objectKey()", () => {
  expect(parseKey("/registry/core/pods/default/web")).toEqual({ ...pods, namespace: "default", name: "web" });
  expect(parseKey("/registry/core/nodes/a")).toEqual({ ...nodes, namespace: "", name: "a" });
});

test("parseKey() knows no other keys", () => {
  for (const key of ["/other/core/pods/a", "/registry/core", "/registry/core/pods/a/b/c"]) {
    expect(parseKey(key)).toBeUndefined();
  }
});
