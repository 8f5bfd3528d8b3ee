import { describe, expect, test } from "vitest";
import type { Node, PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import type { Ingress } from "../../api/types/networking-v1.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { createSigningRequest } from "../../pki/index.ts";
import { generateKey } from "../../pki/keys.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import { EscalationGuard } from "../authorization/escalation.ts";
import { RbacAuthorizer } from "../authorization/rbac.ts";
import { noRules } from "../authorization/union.ts";
import type { UserInfo } from "../request-context.ts";
import type { AdmissionPlugin } from "./admission.ts";
import {
  CertificateApproval,
  CertificateSigning,
  CertificateSubjectRestriction,
  ClusterTrustBundleAttest,
} from "./certificates.ts";
import { admissionChain, admissionPluginNames } from "./chain.ts";
import { DefaultIngressClass, DefaultStorageClass } from "./default-classes.ts";
import { DefaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { OwnerReferencesPermissionEnforcement } from "./owner-references.ts";
import { PersistentVolumeClaimResize } from "./persistent-volume-claim-resize.ts";
import { RuntimeClass } from "./runtime-class.ts";
import { StorageObjectInUseProtection } from "./storage-object-in-use-protection.ts";
import { TaintNodesByCondition } from "./taint-nodes-by-condition.ts";
import { attributesOf, coreObject, podWith, type Request, run, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const with_ = (reader: FakeReader) => ({ reader, nowMs: () => 0 });

async function result<T>(plugin: AdmissionPlugin, request: Request): Promise<T> {
  const attributes = attributesOf(request);
  await run(plugin, attributes);
  return attributes.object as T;
}

/** Allows `verb resource[/subresource] name`. */
class ListAuthorizer implements Authorizer {
  readonly #allowed: readonly string[];

  constructor(...allowed: string[]) {
    this.#allowed = allowed;
  }

  async authorize({ verb, resource, subresource, name, namespace }: AuthorizationAttributes) {
    const what = subresource === "" ? resource : `${resource}/${subresource}`;
    const text = `${verb} ${what} ${name}${namespace === "" ? "" : ` in ${namespace}`}`;
    return { decision: this.#allowed.includes(text) ? "allow" : "noOpinion", reason: "" } as const;
  }

  async rulesFor(_user: UserInfo, _namespace: string) {
    return noRules;
  }
}

test("TaintNodesByCondition taints a new node once", async () => {
  const plugin = new TaintNodesByCondition();
  const taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };
  const node = await result<Node>(plugin, {
    object: { apiVersion: "v1", kind: "Node", metadata: { name: "n" } },
  });
  expect(node.spec?.taints).toEqual([taint]);
  expect((await result<Node>(plugin, { object: node })).spec?.taints).toEqual([taint]);
});

describe("DefaultTolerationSeconds", () => {
  const plugin = new DefaultTolerationSeconds();
  const added = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map((key) => ({
    key,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: 300,
  }));
  test.each<[string, object[], object[]]>([
    ["nothing", [], added],
    ["one of them", [{ key: "node.kubernetes.io/not-ready", operator: "Exists" }], [added[1] ?? {}]],
    ["everything", [{ operator: "Exists" }], []],
    [
      "another effect",
      [{ key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoSchedule" }],
      added,
    ],
    ["another taint", [{ key: "a", operator: "Exists" }], added],
  ])("a pod that tolerates %s", async (_what, tolerations, expected) => {
    const pod = await result<Pod>(plugin, { object: podWith({ tolerations }) });
    expect(pod.spec?.tolerations).toEqual([...tolerations, ...expected]);
  });
});

test.each([
  ["persistentvolumeclaims", "kubernetes.io/pvc-protection"],
  ["persistentvolumes", "kubernetes.io/pv-protection"],
])("StorageObjectInUseProtection protects %s once", async (resource, finalizer) => {
  const plugin = new StorageObjectInUseProtection();
  const object = await result<PersistentVolumeClaim>(plugin, { resource, object: coreObject("X", "a") });
  expect(object.metadata.finalizers).toEqual([finalizer]);
  expect((await result<PersistentVolumeClaim>(plugin, { resource, object })).metadata.finalizers).toEqual([
    finalizer,
  ]);
});

describe("default classes", () => {
  const marked = (name: string, annotation: string, creationTimestamp: string, value = "true") => ({
    apiVersion: "v1",
    kind: "Class",
    metadata: { name, creationTimestamp, annotations: { [annotation]: value } },
  });
  const storage = "storageclass.kubernetes.io/is-default-class";
  const reader = new FakeReader()
    .put(
      "storageclasses.storage.k8s.io",
      marked("old", storage, "2026-01-01T00:00:00Z"),
      marked("new-b", storage, "2026-01-02T00:00:00Z"),
      marked("new-a", storage, "2026-01-02T00:00:00Z"),
      marked("newest", storage, "2026-01-03T00:00:00Z", "false"),
    )
    .put(
      "ingressclasses.networking.k8s.io",
      marked("nginx", "ingressclass.kubernetes.io/is-default-class", "2026-01-01T00:00:00Z"),
    );
  const claim = (spec: object, metadata: object = {}) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "c", namespace: "default", ...metadata },
    spec,
  });

  test.each<[string, object, object, string | undefined]>([
    ["none: the newest default, then by name", {}, {}, "new-a"],
    ["one", { storageClassName: "fast" }, {}, "fast"],
    ["the empty one", { storageClassName: "" }, {}, ""],
    [
      "one by the old annotation",
      {},
      { annotations: { "volume.beta.kubernetes.io/storage-class": "x" } },
      undefined,
    ],
  ])("a claim that names %s", async (_what, spec, metadata, expected) => {
    const found = await result<PersistentVolumeClaim>(new DefaultStorageClass(with_(reader)), {
      object: claim(spec, metadata),
    });
    expect(found.spec?.storageClassName).toBe(expected);
  });

  test("without a default class a claim has none", async () => {
    const found = await result<PersistentVolumeClaim>(new DefaultStorageClass(with_(new FakeReader())), {
      object: claim({}),
    });
    expect(found.spec?.storageClassName).toBeUndefined();
  });

  test.each<[string, object, object, string | undefined]>([
    ["none", {}, {}, "nginx"],
    ["one", { ingressClassName: "traefik" }, {}, "traefik"],
    ["one by the old annotation", {}, { annotations: { "kubernetes.io/ingress.class": "x" } }, undefined],
  ])("an ingress that names %s", async (_what, spec, metadata, expected) => {
    const object = {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: { name: "i", namespace: "default", ...metadata },
      spec,
    };
    const found = await result<Ingress>(new DefaultIngressClass(with_(reader)), {
      resource: "ingresses.networking.k8s.io",
      object,
    });
    expect(found.spec?.ingressClassName).toBe(expected);
  });
});

describe("PersistentVolumeClaimResize", () => {
  const storageClass = (name: string, allowVolumeExpansion?: boolean) => ({
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name },
    ...(allowVolumeExpansion === undefined ? {} : { allowVolumeExpansion }),
  });
  const reader = new FakeReader().put(
    "storageclasses.storage.k8s.io",
    storageClass("grows", true),
    storageClass("fixed", false),
    storageClass("silent"),
  );
  const plugin = new PersistentVolumeClaimResize(with_(reader));
  const claim = (storage: string, storageClassName: string, phase = "Bound") =>
    coreObject("PersistentVolumeClaim", "c", {
      spec: { storageClassName, resources: { requests: { storage } } },
      status: { phase },
    });
  const unsupported = /only dynamically provisioned pvc can be resized/;
  test.each([
    ["the same size", claim("1Gi", "fixed"), claim("1024Mi", "fixed"), /^admitted$/],
    ["less", claim("1Gi", "fixed"), claim("2Gi", "fixed"), /^admitted$/],
    ["more, where it may", claim("2Gi", "grows"), claim("1Gi", "grows"), /^admitted$/],
    ["more, where it may not", claim("2Gi", "fixed"), claim("1Gi", "fixed"), unsupported],
    ["more, where nothing is said", claim("2Gi", "silent"), claim("1Gi", "silent"), unsupported],
    ["more, without a class", claim("2Gi", ""), claim("1Gi", ""), unsupported],
    ["more, of a class that is gone", claim("2Gi", "gone"), claim("1Gi", "gone"), unsupported],
    [
      "more, before it is bound",
      claim("2Gi", "grows"),
      claim("1Gi", "grows", "Pending"),
      /Only bound persistent volume claims can be expanded/,
    ],
  ])("a claim for %s", async (_what, object, old, verdict) => {
    expect(await verdictOf(plugin, attributesOf({ operation: "UPDATE", object, old }))).toMatch(verdict);
  });
});

describe("RuntimeClass", () => {
  const kata = {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "kata" },
    handler: "kata",
    overhead: { podFixed: { cpu: "250m" } },
    scheduling: { nodeSelector: { kata: "yes" }, tolerations: [{ key: "kata", operator: "Exists" }] },
  };
  const plain = {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "plain" },
    handler: "runc",
  };
  const plugin = new RuntimeClass(with_(new FakeReader().put("runtimeclasses.node.k8s.io", kata, plain)));

  test("a pod gets overhead, selector and tolerations of its class", async () => {
    const own = { runtimeClassName: "kata", nodeSelector: { disk: "ssd" }, tolerations: [{ key: "a" }] };
    const pod = await result<Pod>(plugin, { object: podWith(own) });
    expect(pod.spec).toMatchObject({
      overhead: { cpu: "250m" },
      nodeSelector: { disk: "ssd", kata: "yes" },
      tolerations: [{ key: "a" }, { key: "kata", operator: "Exists" }],
    });
  });

  test.each([
    [{ runtimeClassName: "plain" }, "admitted"],
    [{ runtimeClassName: "kata", overhead: { cpu: "0.25" } }, "admitted"],
    [{ runtimeClassName: "ghost" }, 'pod rejected: RuntimeClass "ghost" not found'],
    [
      { runtimeClassName: "kata", overhead: { cpu: "1" } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      { overhead: { cpu: "1" } },
      "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
    ],
    [
      { runtimeClassName: "kata", nodeSelector: { kata: "no" } },
      "conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no",
    ],
  ])("%j: %s", async (spec, verdict) => {
    expect(await verdictOf(plugin, attributesOf({ object: podWith(spec) }))).toContain(verdict);
  });
});

describe("certificates", () => {
  const resource = "certificatesigningrequests.certificates.k8s.io";
  const csr = (signerName: string, status: object = {}, request = "") => ({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "r" },
    spec: { signerName, request, usages: [] },
    status,
  });
  const update = (subresource: string, object: object, old: object): Request => ({
    operation: "UPDATE",
    resource: `${resource}/${subresource}`,
    object,
    old,
  });

  test.each([
    ["the signer", "approve signers example.com/a", "admitted"],
    ["the signer's domain", "approve signers example.com/*", "admitted"],
    [
      "another signer",
      "approve signers example.com/b",
      'user not permitted to approve requests with signerName "example.com/a"',
    ],
    ["signing only", "sign signers example.com/a", "user not permitted to approve"],
  ])("approval with rights for %s", async (_what, right, verdict) => {
    const plugin = new CertificateApproval(new ListAuthorizer(right), new FakeReader());
    const request = update("approval", csr("example.com/b"), csr("example.com/a"));
    expect(await verdictOf(plugin, attributesOf(request))).toContain(verdict);
  });

  test.each([
    [
      "a certificate",
      { certificate: "eA==" },
      'user not permitted to sign requests with signerName "example.com/a"',
    ],
    ["a failure", { conditions: [{ type: "Failed", status: "True" }] }, "user not permitted to sign"],
    ["nothing new", {}, "admitted"],
  ])("signing without rights: %s", async (_what, status, verdict) => {
    const plugin = new CertificateSigning(new ListAuthorizer());
    const request = update("status", csr("example.com/a", status), csr("example.com/a"));
    expect(await verdictOf(plugin, attributesOf(request))).toContain(verdict);
  });

  const pem = (organization: string): string =>
    Buffer.from(
      createSigningRequest(generateKey(), { commonName: "x", organizations: [organization] }),
    ).toString("base64");
  test.each([
    [
      "kubernetes.io/kube-apiserver-client",
      pem("system:masters"),
      "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed",
    ],
    ["kubernetes.io/kube-apiserver-client", pem("dev"), "admitted"],
    ["example.com/own", pem("system:masters"), "admitted"],
    ["kubernetes.io/kube-apiserver-client", "eA==", "failed to parse CSR"],
  ])("a request to %s", async (signer, request, verdict) => {
    const attributes = attributesOf({ resource, object: csr(signer, {}, request) });
    expect(await verdictOf(new CertificateSubjectRestriction(), attributes)).toContain(verdict);
  });
});

describe("ClusterTrustBundleAttest", () => {
  const bundle = (signerName: string, trustBundle = "a", metadata: object = {}) => ({
    apiVersion: "certificates.k8s.io/v1beta1",
    kind: "ClusterTrustBundle",
    metadata: { name: "b", ...metadata },
    spec: { signerName, trustBundle },
  });
  const resource = "clustertrustbundles.certificates.k8s.io";
  const refusal = 'user not permitted to attest for signerName "example.com/a"';
  test.each<[string, string[], object, object | undefined, string]>([
    ["no signer needs no right", [], bundle(""), undefined, "admitted"],
    ["a signer needs the right", [], bundle("example.com/a"), undefined, refusal],
    ["for that signer", ["attest signers example.com/b"], bundle("example.com/a"), undefined, refusal],
    ["as here", ["attest signers example.com/a"], bundle("example.com/a"), undefined, "admitted"],
    ["or for its domain", ["attest signers example.com/*"], bundle("example.com/a"), undefined, "admitted"],
    ["also to change it", [], bundle("example.com/a", "b"), bundle("example.com/a"), refusal],
    [
      "but not to take finalizers away",
      [],
      bundle("example.com/a"),
      bundle("example.com/a", "a", { finalizers: ["x"] }),
      "admitted",
    ],
  ])("%s", async (_what, rights, object, old, verdict) => {
    const plugin = new ClusterTrustBundleAttest(new ListAuthorizer(...rights));
    const changed: Partial<Request> = old === undefined ? {} : { operation: "UPDATE", old };
    expect(await verdictOf(plugin, attributesOf({ resource, object, ...changed }))).toContain(verdict);
  });
});

describe("OwnerReferencesPermissionEnforcement", () => {
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", uid: "1" };
  const owned = (blockOwnerDeletion = false) =>
    podWith({}, { ownerReferences: [{ ...owner, blockOwnerDeletion }] });
  const plugin = (...rights: string[]) =>
    new OwnerReferencesPermissionEnforcement(new ListAuthorizer(...rights), (_version, kind) =>
      kind === "ReplicaSet" ? [{ group: "apps", resource: "replicasets", namespaced: true }] : [],
    );
  const mayDelete = "delete pods web in default";
  const mayFinalize = "update replicasets/finalizers rs in default";
  test.each<[string, string[], Request, string]>([
    ["without owners", [], { object: podWith() }, "admitted"],
    [
      "with an owner, without the right",
      [],
      { object: owned() },
      "cannot set an ownerRef on a resource you can't delete",
    ],
    ["with an owner and the right", [mayDelete], { object: owned() }, "admitted"],
    [
      "that blocks, without the right",
      [mayDelete],
      { object: owned(true) },
      "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on",
    ],
    ["that blocks and the right", [mayDelete, mayFinalize], { object: owned(true) }, "admitted"],
    [
      "with the same owners as before",
      [],
      { operation: "UPDATE", object: owned(true), old: owned(true) },
      "admitted",
    ],
    [
      "that loses its owner",
      [],
      { operation: "UPDATE", object: podWith(), old: owned() },
      "cannot set an ownerRef",
    ],
    [
      "with a blocking owner of an unknown kind",
      [mayDelete],
      { object: podWith({}, { ownerReferences: [{ ...owner, kind: "X", blockOwnerDeletion: true }] }) },
      "cannot find RESTMapping for APIVersion apps/v1 Kind X",
    ],
    ["that is bound", [], { resource: "pods/binding", object: owned() }, "admitted"],
  ])("a pod %s", async (_what, rights, request, verdict) => {
    expect(await verdictOf(plugin(...rights), attributesOf(request))).toContain(verdict);
  });
});

describe("admissionChain()", () => {
  const options = {
    reader: new FakeReader(),
    clock: new VirtualClock(),
    random: new SeededRandom(1),
    authorizer: new ListAuthorizer(),
    writeQuotaStatus: async () => {},
    resourcesOfKind: () => [],
  };
  const names = (extra: object = {}): string[] =>
    admissionChain({ ...options, ...extra }).map(({ name }) => name);

  test("begins with the namespace and ends with the quota", () => {
    expect(names()[0]).toBe("NamespaceLifecycle");
    expect(names().at(-1)).toBe("ResourceQuota");
    expect(names()).not.toContain("OwnerReferencesPermissionEnforcement");
  });

  test("plugins can be added and left out by name", () => {
    expect(
      names({ enable: ["OwnerReferencesPermissionEnforcement"], disable: ["ServiceAccount"] }),
    ).toContain("OwnerReferencesPermissionEnforcement");
    expect(names({ disable: ["ServiceAccount"] })).not.toContain("ServiceAccount");
  });

  test("every plugin has the name that it is known by", () => {
    const extensions = admissionPluginNames.filter((name) => name.includes("Admission"));
    const given = extensions.map((name): AdmissionPlugin => ({ name, handles: () => true }));
    const escalation = new EscalationGuard(options.authorizer, new RbacAuthorizer(options.reader));
    const all = names({ extensions: given, escalation, enable: admissionPluginNames });
    expect(all).toEqual(admissionPluginNames);
  });

  test("extensions see objects before the quota counts them", () => {
    const webhook: AdmissionPlugin = { name: "MutatingAdmissionWebhook", handles: () => true };
    expect(names({ extensions: [webhook] }).slice(-2)).toEqual(["MutatingAdmissionWebhook", "ResourceQuota"]);
  });
});
