import { describe, expect, test } from "vitest";
import { newUser } from "../authentication/users.ts";
import { EscalationGuard } from "../authorization/escalation.ts";
import { RbacAuthorizer } from "../authorization/rbac.ts";
import { RbacEscalation } from "./rbac-escalation.ts";
import { attributesOf, type Request, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const rule = (verb: string) => ({ verbs: [verb], apiGroups: [""], resources: ["pods"] });
const role = (verb: string, metadata: object = {}) => ({
  apiVersion,
  kind: "Role",
  metadata: { name: "r", namespace: "default", ...metadata },
  rules: [rule(verb)],
});
const binding = (name: string) => ({
  apiVersion,
  kind: "RoleBinding",
  metadata: { name: "b", namespace: "default" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
  subjects: [{ kind: "User", name: "jane" }],
});

const reader = new FakeReader()
  .put("roles.rbac.authorization.k8s.io", {
    ...role("get"),
    metadata: { name: "held", namespace: "default" },
  })
  .put("roles.rbac.authorization.k8s.io", {
    ...role("delete"),
    metadata: { name: "other", namespace: "default" },
  })
  .put("rolebindings.rbac.authorization.k8s.io", binding("held"));
const rbac = new RbacAuthorizer(reader);
const plugin = new RbacEscalation(new EscalationGuard(rbac, rbac));

describe("RBACEscalation", () => {
  test.each<[string, Request, string]>([
    ["a role within the rights", { object: role("get") }, "admitted"],
    [
      "a role beyond the rights",
      { object: role("delete") },
      "attempting to grant RBAC permissions not currently held",
    ],
    [
      "an update beyond the rights",
      { operation: "UPDATE", object: role("delete"), old: role("get") },
      "not currently held",
    ],
    [
      "an update that changes nothing of weight",
      {
        operation: "UPDATE",
        object: role("delete", { finalizers: [] }),
        old: role("delete", { finalizers: ["a"] }),
      },
      "admitted",
    ],
    [
      "an update of labels beyond the rights",
      { operation: "UPDATE", object: role("delete", { labels: { a: "b" } }), old: role("delete") },
      "not currently held",
    ],
    ["a deletion", { operation: "DELETE", old: role("delete") }, "admitted"],
    ["a binding within the rights", { object: binding("held") }, "admitted"],
    ["a binding beyond the rights", { object: binding("other") }, "not currently held"],
    [
      "a binding to nothing",
      { object: binding("ghost") },
      'roles.rbac.authorization.k8s.io "ghost" not found',
    ],
    ["something else", { resource: "roles.example.com", object: role("delete") }, "admitted"],
  ])("%s", async (_what, request, verdict) => {
    const attributes = attributesOf({ ...request, user: newUser("jane") });
    expect(await verdictOf(plugin, attributes)).toContain(verdict);
  });
});
