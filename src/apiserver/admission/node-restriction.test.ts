import { describe, expect, test } from "vitest";
import { createSigningRequest } from "../../pki/index.ts";
import { generateKey } from "../../pki/keys.ts";
import { newUser } from "../authentication/users.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
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
  podWith(
    {
      nodeName: "n1",
      volumes: [
        { name: "a", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } },
        { name: "b", projected: { sources: [{ serviceAccountToken: { path: "t", audience: "vault" } }] } },
        { name: "c", csi: { driver: "inline.csi" } },
        { name: "d", persistentVolumeClaim: { claimName: "claim" } },
        { name: "e", ephemeral: {} },
      ],
    },
    { name: "mine", uid: "mine-uid" },
  ),
  podWith({ nodeName: "n2" }, { name: "theirs", uid: "theirs-uid" }),
);
reader.put("nodes", node("n1"));
const driver = (name: string, audience: string) => ({
  ...coreObject("CSIDriver", name),
  metadata: { name },
  spec: { tokenRequests: [{ audience }] },
});
reader.put("csidrivers.storage.k8s.io", driver("inline.csi", "inline"), driver("claimed.csi", "claimed"));
reader.put(
  "persistentvolumeclaims",
  coreObject("PersistentVolumeClaim", "claim", { spec: { volumeName: "pv" } }),
  coreObject("PersistentVolumeClaim", "mine-e", { spec: { volumeName: "pv-e" } }),
);
const volume = (name: string, csi: string) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name },
  spec: { csi: { driver: csi } },
});
reader.put("persistentvolumes", volume("pv", "claimed.csi"), volume("pv-e", "own.csi"));
reader.put("csidrivers.storage.k8s.io", driver("own.csi", "own"));
/** Lets nodes have tokens for "granted", and nothing else. */
const authorizer: Authorizer = {
  authorize: async ({ verb, resource }) => ({
    decision:
      verb === "request-serviceaccounts-token-audience" && resource === "granted" ? "allow" : "noOpinion",
    reason: "",
  }),
  rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
};
const plugin = new NodeRestriction({ reader, authorizer });

const owner = { apiVersion: "v1", kind: "Node", name: "n1", uid: "n1-uid", controller: true };
const mirror = (spec: object = {}, metadata: object = {}) =>
  podWith(
    { nodeName: "n1", ...spec },
    { annotations: { "kubernetes.io/config.mirror": "x" }, ownerReferences: [owner], ...metadata },
  );
const tokenFor = (name: string, uid?: string, audiences: string[] = []) => ({
  apiVersion: "authentication.k8s.io/v1",
  kind: "TokenRequest",
  metadata: {},
  spec: {
    audiences,
    boundObjectRef: { apiVersion: "v1", kind: "Pod", name, ...(uid === undefined ? {} : { uid }) },
  },
});
const signing = (commonName: string, signerName = "kubernetes.io/kube-apiserver-client-kubelet"): Request => {
  const subject = { commonName, organizations: ["system:nodes"] };
  const request = Buffer.from(createSigningRequest(generateKey(), subject)).toString("base64");
  return {
    resource: "certificatesigningrequests.certificates.k8s.io",
    object: { ...coreObject("CertificateSigningRequest", "csr"), spec: { request, signerName, usages: [] } },
  };
};
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
    ...["vault", "inline", "claimed", "own", "granted"].map((audience): [string, Request, string] => [
      `asks for a token that the pod or a role names: ${audience}`,
      token(tokenFor("mine", "mine-uid", [audience])),
      "admitted",
    ]),
    [
      "asks for a token for somebody whom the pod does not know",
      token(tokenFor("mine", "mine-uid", ["bank"])),
      'audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
    ],
    [
      "asks for a token for two at once",
      token(tokenFor("mine", "mine-uid", ["vault", "inline"])),
      "node may only request 0 or 1 audiences",
    ],
    ["asks for its own certificate", signing("system:node:n1"), "admitted"],
    [
      "asks for the certificate of another node",
      signing("system:node:n2"),
      "can only create a node CSR with CN=system:node:n1",
    ],
    [
      "asks for another node's serving certificate",
      signing("system:node:n2", "kubernetes.io/kubelet-serving"),
      "can only create a node CSR with CN=system:node:n1",
    ],
    [
      "asks for another certificate, which others decide about",
      signing("joe", "kubernetes.io/kube-apiserver-client"),
      "admitted",
    ],
    [
      "changes a claim itself",
      update(
        coreObject("PersistentVolumeClaim", "claim", { spec: { volumeName: "x" } }),
        coreObject("PersistentVolumeClaim", "claim"),
      ),
      "may only update PVC status",
    ],
    [
      "deletes another node's slice among many",
      {
        operation: "DELETE",
        resource: "resourceslices.resource.k8s.io",
        old: { ...coreObject("ResourceSlice", "s"), spec: { nodeName: "n2" } },
      },
      "can only delete ResourceSlice with the same NodeName as the requesting node",
    ],
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
