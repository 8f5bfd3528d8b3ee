import { describe, expect, test } from "vitest";
import { newUser } from "../authentication/users.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import { noRules } from "../authorization/union.ts";
import { CertificateSigning } from "./certificates.ts";
import { NodeRestriction } from "./node-restriction.ts";
import { attributesOf, coreObject, podWith, type Request, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const resource = "podcertificaterequests.certificates.k8s.io";
const kubelet = newUser("system:node:n1", ["system:nodes"]);
const spec = {
  signerName: "example.com/a",
  podName: "web",
  podUID: "pod-uid",
  serviceAccountName: "default",
  serviceAccountUID: "account-uid",
  nodeName: "n1",
  nodeUID: "node-uid",
};
const request = (change: object = {}, status: object = {}) => ({
  apiVersion: "certificates.k8s.io/v1beta1",
  kind: "PodCertificateRequest",
  metadata: { name: "r", namespace: "default" },
  spec: { ...spec, ...change },
  status,
});

const nothing: Authorizer = {
  authorize: async () => ({ decision: "noOpinion", reason: "" }),
  rulesFor: async () => noRules,
};

describe("a node that asks for a certificate", () => {
  const reader = new FakeReader();
  reader.put("nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "n1", uid: "node-uid" } });
  const pod = { nodeName: "n1", serviceAccountName: "default" };
  reader.put(
    "pods",
    podWith(pod, { name: "web", uid: "pod-uid" }),
    podWith({ ...pod, nodeName: "n2" }, { name: "elsewhere", uid: "pod-uid" }),
    podWith(pod, { name: "mirror", uid: "pod-uid", annotations: { "kubernetes.io/config.mirror": "x" } }),
  );
  const account = coreObject("ServiceAccount", "default");
  reader.put("serviceaccounts", { ...account, metadata: { ...account.metadata, uid: "account-uid" } });
  const plugin = new NodeRestriction({ reader, authorizer: nothing });

  test.each([
    ["for a pod of its own", {}, "admitted"],
    ["as another node", { nodeName: "n2" }, "which is not the requesting node"],
    ["as a node of another time", { nodeUID: "x" }, "inconsistent with the running node"],
    ["for no pod", { podName: "none" }, 'while retrieving pod "default/none"'],
    ["for a pod of another time", { podUID: "x" }, "which differs from running pod"],
    ["for another node's pod", { podName: "elsewhere" }, "is not running on node"],
    ["for a mirror pod", { podName: "mirror" }, "is a mirror pod"],
    ["for another account", { serviceAccountName: "x" }, "that differs from running pod"],
    [
      "for an account of another time",
      { serviceAccountUID: "x" },
      "which differs from the running service account",
    ],
  ])("%s", async (_what, change, verdict) => {
    const asked: Request = { operation: "CREATE", resource, object: request(change), user: kubelet };
    expect(await verdictOf(plugin, attributesOf(asked))).toContain(verdict);
  });
});

describe("a signer that answers", () => {
  const denied = { conditions: [{ type: "Denied", status: "True" }] };
  const signs: Authorizer = {
    authorize: async ({ verb, resource: what, name }) => ({
      decision: verb === "sign" && what === "signers" && name === "example.com/a" ? "allow" : "noOpinion",
      reason: "",
    }),
    rulesFor: async () => noRules,
  };
  test.each([
    ["with the right to sign", signs, denied, "admitted"],
    ["without it", nothing, denied, 'is not permitted to "sign" for signer "example.com/a"'],
    ["without it and without an answer", nothing, {}, "admitted"],
  ])("%s", async (_what, authorizer, status, verdict) => {
    const write: Request = {
      operation: "UPDATE",
      resource: `${resource}/status`,
      object: request({}, status),
      old: request(),
    };
    expect(await verdictOf(new CertificateSigning(authorizer), attributesOf(write))).toContain(verdict);
  });
});
