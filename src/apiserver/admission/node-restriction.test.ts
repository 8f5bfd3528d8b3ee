import { describe, expect, test } from "vitest";
import { newUser } from "../authentication/users.ts";
import { NodeRestriction } from "./node-restriction.ts";
import { attributesOf, coreObject, podWith, type Request, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const kubelet = newUser("system:node:n1", ["system:nodes"]);
const node = (name: string, rest: object = {}, metadata: object = {}) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, uid: `${name}-uid`, ...metadata },
  ...rest,
});
const reader = new FakeReader().put(
  "pods",
  podWith({ nodeName: "n1" }, { name: "mine", uid: "mine-uid" }),
  podWith({ nodeName: "n2" }, { name: "theirs", uid: "theirs-uid" }),
);
reader.put("nodes", node("n1"));
const plugin = new NodeRestriction({ reader, nowMs: () => 0 });

const owner = { apiVersion: "v1", kind: "Node", name: "n1", uid: "n1-uid", controller: true };
const mirror = (spec: object = {}, metadata: object = {}) =>
  podWith(
    { nodeName: "n1", ...spec },
    { annotations: { "kubernetes.io/config.mirror": "x" }, ownerReferences: [owner], ...metadata },
  );
const tokenFor = (name: string, uid?: string) => ({
  apiVersion: "authentication.k8s.io/v1",
  kind: "TokenRequest",
  metadata: {},
  spec: { boundObjectRef: { apiVersion: "v1", kind: "Pod", name, ...(uid === undefined ? {} : { uid }) } },
});
const token = (object: object): Request => ({
  resource: "serviceaccounts./token",
  object,
  namespace: "default",
  name: "robot",
});
const update = (object: object, old: object, resource?: string): Request => ({
  operation: "UPDATE",
  object,
  old,
  ...(resource === undefined ? {} : { resource }),
});

describe("NodeRestriction", () => {
  test.each<[string, Request, string]>([
    ["creates a mirror pod of its own", { object: mirror() }, "admitted"],
    [
      "creates an ordinary pod",
      { object: podWith({ nodeName: "n1" }) },
      'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
    ],
    [
      "creates a mirror pod of another node",
      { object: mirror({ nodeName: "n2" }) },
      'node "n1" can only create pods with spec.nodeName set to itself',
    ],
    [
      "creates a mirror pod without owner",
      { object: mirror({}, { ownerReferences: [] }) },
      'node "n1" can only create pods with an owner reference set to itself',
    ],
    [
      "creates a mirror pod of another owner",
      { object: mirror({}, { ownerReferences: [{ ...owner, name: "n2" }] }) },
      'node "n1" can only create pods with an owner reference set to itself',
    ],
    [
      "creates a mirror pod of two owners",
      { object: mirror({}, { ownerReferences: [owner, owner] }) },
      'node "n1" can only create pods with a single owner reference set to itself',
    ],
    [
      "creates a mirror pod that is not controlled",
      { object: mirror({}, { ownerReferences: [{ ...owner, controller: false }] }) },
      'node "n1" can only create pods with a controller owner reference set to itself',
    ],
    [
      "creates a mirror pod that blocks",
      { object: mirror({}, { ownerReferences: [{ ...owner, blockOwnerDeletion: true }] }) },
      'node "n1" must not set blockOwnerDeletion on an owner reference',
    ],
    [
      "creates a mirror pod of a former node",
      { object: mirror({}, { ownerReferences: [{ ...owner, uid: "old" }] }) },
      'node "n1" UID mismatch: expected old got n1-uid',
    ],
    [
      "reads secrets by a mirror pod",
      { object: mirror({ volumes: [{ name: "v", secret: { secretName: "s" } }] }) },
      'node "n1" can not create pods that reference secrets',
    ],
    [
      "reads config maps by a mirror pod",
      { object: mirror({ volumes: [{ name: "v", configMap: { name: "s" } }] }) },
      'node "n1" can not create pods that reference configmaps',
    ],
    [
      "takes an account by a mirror pod",
      { object: mirror({ serviceAccountName: "admin" }) },
      'node "n1" can not create pods that reference a service account',
    ],
    [
      "takes a claim by a mirror pod",
      { object: mirror({ volumes: [{ name: "v", persistentVolumeClaim: { claimName: "s" } }] }) },
      'node "n1" can not create pods that reference persistentvolumeclaims',
    ],
    [
      "updates a pod",
      update(mirror(), mirror()),
      'unexpected operation "UPDATE", node "n1" can only create and delete mirror pods',
    ],
    [
      "deletes its pod",
      { operation: "DELETE", resource: "pods", namespace: "default", name: "mine" },
      "admitted",
    ],
    [
      "deletes a pod of another node",
      { operation: "DELETE", resource: "pods", namespace: "default", name: "theirs" },
      'node "n1" can only delete pods with spec.nodeName set to itself',
    ],
    [
      "deletes a pod that is not there",
      { operation: "DELETE", resource: "pods", namespace: "default", name: "none" },
      'pods "none" not found',
    ],
    [
      "reports on its pod",
      update(podWith({ nodeName: "n1" }), podWith({ nodeName: "n1" }), "pods/status"),
      "admitted",
    ],
    [
      "reports on a pod of another node",
      update(podWith({ nodeName: "n2" }), podWith({ nodeName: "n2" }), "pods/status"),
      'node "n1" can only update pod status for pods with spec.nodeName set to itself',
    ],
    [
      "changes labels in a report",
      update(podWith({ nodeName: "n1" }, { labels: { a: "b" } }), podWith({ nodeName: "n1" }), "pods/status"),
      'node "n1" cannot update labels through pod status',
    ],
    ["evicts its pod", { resource: "pods/eviction", object: coreObject("Eviction", "mine") }, "admitted"],
    [
      "evicts a pod of another node",
      { resource: "pods/eviction", object: coreObject("Eviction", "theirs") },
      "node n1 can only evict pods with spec.nodeName set to itself",
    ],
    [
      "binds a pod",
      { resource: "pods/binding", object: coreObject("Binding", "mine") },
      "unexpected pod subresource \"binding\", only 'status' and 'eviction' are allowed",
    ],
    [
      "registers itself",
      {
        object: node(
          "n1",
          {},
          { labels: { "kubernetes.io/hostname": "n1", "example.com/a": "b", "node.kubernetes.io/x": "y" } },
        ),
      },
      "admitted",
    ],
    [
      "registers with taints",
      { object: node("n1", { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } }) },
      "admitted",
    ],
    ["registers another node", { object: node("n2") }, 'node "n1" is not allowed to modify node "n2"'],
    [
      "registers with a role",
      { object: node("n1", {}, { labels: { "node-role.kubernetes.io/control-plane": "" } }) },
      'node "n1" is not allowed to set the following labels: node-role.kubernetes.io/control-plane',
    ],
    [
      "registers with a restricted label",
      { object: node("n1", {}, { labels: { "x.node-restriction.kubernetes.io/y": "" } }) },
      "x.node-restriction.kubernetes.io/y",
    ],
    [
      "changes a restricted label",
      update(node("n1", {}, { labels: {} }), node("n1", {}, { labels: { "example.k8s.io/a": "b" } })),
      "is not allowed to modify labels: example.k8s.io/a",
    ],
    [
      "changes its taints",
      update(
        node("n1", { spec: {} }),
        node("n1", { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } }),
      ),
      'node "n1" is not allowed to modify taints',
    ],
    ["reports on itself", update(node("n1", { status: { a: 1 } }), node("n1"), "nodes/status"), "admitted"],
    [
      "reports on another node",
      update(node("n2", { status: { a: 1 } }), node("n2"), "nodes/status"),
      'node "n1" is not allowed to modify node "n2"',
    ],
    [
      "deletes another node",
      { operation: "DELETE", old: node("n2") },
      'node "n1" is not allowed to modify node "n2"',
    ],
    ["asks for a token of its pod", token(tokenFor("mine", "mine-uid")), "admitted"],
    [
      "asks for a token of another node's pod",
      token(tokenFor("theirs", "theirs-uid")),
      "node requested token bound to a pod scheduled on a different node",
    ],
    [
      "asks for a token of no pod",
      token({ ...tokenFor("mine"), spec: {} }),
      "node requested token not bound to a pod",
    ],
    [
      "asks for a token without a uid",
      token(tokenFor("mine")),
      "node requested token with a pod binding without a uid",
    ],
    [
      "asks for a token of a former pod",
      token(tokenFor("mine", "old")),
      "the UID in the bound object reference (old) does not match",
    ],
    [
      "takes its lease",
      {
        resource: "leases.coordination.k8s.io",
        object: { ...coreObject("Lease", "n1"), apiVersion: "coordination.k8s.io/v1" },
        namespace: "kube-node-lease",
      },
      "admitted",
    ],
    [
      "takes another lease",
      {
        resource: "leases.coordination.k8s.io",
        object: coreObject("Lease", "n2"),
        namespace: "kube-node-lease",
      },
      "can only access node lease with the same name as the requesting node",
    ],
    [
      "takes a lease elsewhere",
      { resource: "leases.coordination.k8s.io", object: coreObject("Lease", "n1"), namespace: "kube-system" },
      'can only access leases in the "kube-node-lease" system namespace',
    ],
    [
      "writes another CSINode",
      { resource: "csinodes.storage.k8s.io", object: coreObject("CSINode", "n2") },
      "can only access CSINode with the same name as the requesting node",
    ],
    [
      "grows a claim's status",
      update(
        coreObject("PersistentVolumeClaim", "p", { status: { capacity: { storage: "2Gi" } } }),
        coreObject("PersistentVolumeClaim", "p", { status: {} }),
        "persistentvolumeclaims/status",
      ),
      "admitted",
    ],
    [
      "changes a claim by its status",
      update(
        coreObject("PersistentVolumeClaim", "p", { status: { phase: "Lost" } }),
        coreObject("PersistentVolumeClaim", "p", { status: {} }),
        "persistentvolumeclaims/status",
      ),
      "is not allowed to update fields other than",
    ],
    ["records an event", { object: coreObject("Event", "e") }, "admitted"],
  ])("a kubelet %s", async (_what, request, verdict) => {
    expect(await verdictOf(plugin, attributesOf({ ...request, user: kubelet }))).toContain(verdict);
  });

  test("others are not restricted", () => {
    expect(plugin.handles(attributesOf({ object: podWith() }))).toBe(false);
  });
});
