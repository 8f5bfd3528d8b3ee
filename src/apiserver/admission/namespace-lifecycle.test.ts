import { describe, expect, test } from "vitest";
import { StatusError } from "../../apimachinery/status.ts";
import { NamespaceLifecycle } from "./namespace-lifecycle.ts";
import { attributesOf, podWith, type Request, run, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const namespace = (name: string, phase: string, metadata: object = {}) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, ...metadata },
  status: { phase },
});
const reader = new FakeReader().put(
  "namespaces",
  namespace("default", "Active"),
  namespace("leaving", "Terminating"),
  namespace("marked", "Active", { deletionTimestamp: "2026-01-01T00:00:00Z" }),
);
const plugin = new NamespaceLifecycle({ reader, nowMs: () => 0 });
const inNamespace = (name: string) => podWith({}, { namespace: name });

describe("NamespaceLifecycle", () => {
  test.each<[string, Request, string]>([
    ["admits a create in a namespace that is there", { object: inNamespace("default") }, "admitted"],
    [
      "refuses a create in one that is not",
      { object: inNamespace("nowhere") },
      'namespaces "nowhere" not found',
    ],
    [
      "refuses an update in one that is not",
      { operation: "UPDATE", object: inNamespace("nowhere"), old: inNamespace("nowhere") },
      'namespaces "nowhere" not found',
    ],
    [
      "admits an update in one that is leaving",
      { operation: "UPDATE", object: inNamespace("leaving"), old: inNamespace("leaving") },
      "admitted",
    ],
    ["admits a delete anywhere", { operation: "DELETE", old: inNamespace("nowhere") }, "admitted"],
    [
      "refuses a create in one that is leaving",
      { object: inNamespace("leaving") },
      'pods "web" is forbidden: unable to create new content in namespace leaving because it is being terminated',
    ],
    [
      "refuses a create in one that is marked for deletion",
      { object: inNamespace("marked") },
      'pods "web" is forbidden: unable to create new content in namespace marked because it is being terminated',
    ],
    [
      "names an object by the prefix it asked for",
      { object: podWith({}, { name: "", generateName: "web-", namespace: "leaving" }) },
      'pods "web-" is forbidden: unable to create new content in namespace leaving because it is being terminated',
    ],
    [
      "admits cluster-scoped objects",
      { object: { apiVersion: "v1", kind: "Node", metadata: { name: "n" } } },
      "admitted",
    ],
    ["admits a new namespace", { object: namespace("new", "Active"), namespace: "new" }, "admitted"],
    [
      "admits the deletion of a namespace",
      { operation: "DELETE", old: namespace("shop", "Active") },
      "admitted",
    ],
    [
      "tells nothing in an access review",
      { resource: "localsubjectaccessreviews.authorization.k8s.io", object: inNamespace("nowhere") },
      "admitted",
    ],
  ])("%s", async (_what, request, verdict) => {
    expect(await verdictOf(plugin, attributesOf(request))).toBe(verdict);
  });

  test.each(["default", "kube-system", "kube-public"])("never deletes %s", async (name) => {
    const attributes = attributesOf({ operation: "DELETE", old: namespace(name, "Active") });
    expect(await verdictOf(plugin, attributes)).toBe(
      `namespaces "${name}" is forbidden: this namespace may not be deleted`,
    );
  });

  test("says by a cause that the namespace is leaving, for controllers to act on", async () => {
    const error = await run(plugin, attributesOf({ object: inNamespace("leaving") })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StatusError);
    expect((error as StatusError).status).toMatchObject({
      code: 403,
      details: {
        causes: [
          {
            reason: "NamespaceTerminating",
            message: "namespace leaving is being terminated",
            field: "metadata.namespace",
          },
        ],
      },
    });
  });
});
