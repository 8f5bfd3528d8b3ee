import { CertificateAuthority, createSigningRequest } from "../../../src/pki/index.ts";
import { generateKey } from "../../../src/pki/keys.ts";

/** What a kind needs beside its metadata to be accepted. */
export interface Minimal {
  /** The name of its n-th object; default `name-n`. */
  readonly name?: (n: number) => string;
  /** All fields but kind, apiVersion and metadata. */
  readonly fields: (n: number) => Record<string, unknown>;
  /** A status that a client may write. */
  readonly status?: Record<string, unknown>;
}

const labels = { app: "web" };
const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "web:1" }] } };
const workload = { selector: { matchLabels: labels }, template };
const at = "2026-01-01T00:00:00Z";

/** A condition as most kinds have them. */
const condition = {
  type: "Tested",
  status: "True",
  reason: "ByTest",
  message: "is tested",
  lastTransitionTime: at,
};
const conditions = { conditions: [condition] };
const nothing: Minimal = { fields: () => ({}) };
const inSpec = (spec: Record<string, unknown>, status?: Record<string, unknown>): Minimal => ({
  fields: () => ({ spec }),
  ...(status === undefined ? {} : { status }),
});

const authority = CertificateAuthority.create("test", Date.parse(at));
const signingRequestPem = createSigningRequest(generateKey(), { commonName: "somebody", organizations: [] });
const signingRequest = Buffer.from(signingRequestPem).toString("base64");
/** Pods send theirs as it is, without the frame of text. */
const stubRequest = signingRequestPem.replaceAll(/-----[^-]+-----|\s/g, "");

const claim = { devices: { requests: [{ name: "one", exactly: { deviceClassName: "gpu" } }] } };
const firstClaim = { devices: { requests: [{ name: "one", deviceClassName: "gpu" }] } };
const slice = { driver: "gpu.example.com", nodeName: "one", pool: { name: "pool", resourceSliceCount: 1 } };
const address = (n: number): string => `10.97.${n >> 8}.${n & 255}`;
const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }];
const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
const claimStatus = {
  allocation: {
    devices: { results: [{ request: "one", driver: "gpu.example.com", pool: "pool", device: "d" }] },
  },
};
const taintRule = { taint: { key: "example.com/broken", effect: "NoSchedule" } };
const limits = {
  type: "Limited",
  limited: { nominalConcurrencyShares: 1, limitResponse: { type: "Reject" } },
};

/** About a resource that nobody has: what stands in force must not touch what other tests write. */
const matchConstraints = {
  resourceRules: [
    { operations: ["*"], apiGroups: ["example.com"], apiVersions: ["v1"], resources: ["things"] },
  ],
};
const mutatingPolicy = inSpec({
  matchConstraints,
  reinvocationPolicy: "Never",
  mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression: "Object{}" } }],
});

/** The least valid object of every kind that can be kept, by `apiVersion/Kind`. */
export const minimalObjects: Readonly<Record<string, Minimal>> = {
  "v1/ConfigMap": { fields: () => ({ data: { key: "value" } }) },
  "v1/Endpoints": nothing,
  "v1/Event": {
    fields: () => ({ involvedObject: { kind: "Pod", namespace: "default", name: "web" }, reason: "Tested" }),
  },
  "v1/LimitRange": inSpec({ limits: [{ type: "Container", default: { cpu: "1" } }] }),
  "v1/Namespace": { fields: () => ({}), status: { phase: "Active", conditions: [condition] } },
  "v1/Node": { fields: () => ({}), status: { conditions: [condition], phase: "Running" } },
  "v1/PersistentVolume": inSpec(
    { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/tmp/x" } },
    { phase: "Released", reason: "ByTest" },
  ),
  "v1/PersistentVolumeClaim": inSpec(
    { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    { phase: "Lost", conditions: [condition] },
  ),
  "v1/Pod": inSpec(
    { containers: [{ name: "c", image: "web:1" }] },
    { phase: "Pending", conditions: [{ type: "Tested", status: "True" }] },
  ),
  "v1/PodTemplate": { fields: () => ({ template }) },
  "v1/ReplicationController": inSpec({ selector: labels, template }, { replicas: 2, observedGeneration: 1 }),
  "v1/ResourceQuota": inSpec({ hard: { pods: "1k" } }, { hard: { pods: "1k" }, used: { pods: "1" } }),
  "v1/Secret": { fields: () => ({ data: { key: "dmFsdWU=" }, type: "Opaque" }) },
  "v1/ServiceAccount": nothing,
  "v1/Service": inSpec({ ports: [{ port: 80 }] }, { loadBalancer: {}, conditions: [condition] }),
  "apiregistration.k8s.io/v1/APIService": {
    name: (n) => `v1.thing-${n}.example.com`,
    fields: (n) => ({
      spec: {
        group: `thing-${n}.example.com`,
        version: "v1",
        groupPriorityMinimum: 1000,
        versionPriority: 15,
      },
    }),
    // Without the first the server adds it.
    status: {
      conditions: [
        {
          type: "Available",
          status: "True",
          reason: "Local",
          message: "Local APIServices are always available",
          lastTransitionTime: at,
        },
        condition,
      ],
    },
  },
  "apps/v1/ControllerRevision": { fields: () => ({ data: { spec: {} }, revision: 1 }) },
  "apps/v1/DaemonSet": inSpec(workload, {
    currentNumberScheduled: 1,
    numberMisscheduled: 0,
    desiredNumberScheduled: 2,
    numberReady: 0,
  }),
  "apps/v1/Deployment": inSpec(workload, { replicas: 2, updatedReplicas: 1, observedGeneration: 1 }),
  "apps/v1/ReplicaSet": inSpec(workload, { replicas: 2, observedGeneration: 1 }),
  "apps/v1/StatefulSet": inSpec({ ...workload, serviceName: "web" }, { replicas: 2, availableReplicas: 0 }),
  "autoscaling/v1/HorizontalPodAutoscaler": inSpec(
    { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
    { currentReplicas: 1, desiredReplicas: 2 },
  ),
  "autoscaling/v2/HorizontalPodAutoscaler": inSpec(
    { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
    { currentReplicas: 1, desiredReplicas: 2, currentMetrics: null },
  ),
  "batch/v1/CronJob": inSpec(
    {
      schedule: "* * * * *",
      jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: "Never" } } } },
    },
    { lastScheduleTime: at },
  ),
  "batch/v1/Job": inSpec(
    { template: { spec: { ...template.spec, restartPolicy: "Never" } } },
    { active: 1, ready: 0, startTime: at, uncountedTerminatedPods: {} },
  ),
  "certificates.k8s.io/v1/CertificateSigningRequest": inSpec(
    { request: signingRequest, signerName: "example.com/signer", usages: ["client auth"] },
    {
      conditions: [{ ...condition, type: "Failed", lastUpdateTime: at }],
      certificate: Buffer.from(authority.certificate).toString("base64"),
    },
  ),
  "certificates.k8s.io/v1beta1/ClusterTrustBundle": inSpec({ trustBundle: authority.certificate }),
  "certificates.k8s.io/v1beta1/PodCertificateRequest": inSpec(
    {
      signerName: "example.com/signer",
      podName: "web",
      podUID: "1",
      serviceAccountName: "default",
      serviceAccountUID: "2",
      nodeName: "one",
      nodeUID: "3",
      stubPKCS10Request: stubRequest,
    },
    { conditions: [{ ...condition, type: "Failed" }] },
  ),
  "coordination.k8s.io/v1/Lease": inSpec({ holderIdentity: "me" }),
  "coordination.k8s.io/v1beta1/LeaseCandidate": inSpec({
    leaseName: "lease",
    binaryVersion: "1.36.0",
    emulationVersion: "1.36.0",
    strategy: "OldestEmulationVersion",
  }),
  "discovery.k8s.io/v1/EndpointSlice": {
    fields: () => ({ addressType: "IPv4", endpoints: [{ addresses: ["192.0.2.1"] }] }),
  },
  "events.k8s.io/v1/Event": {
    fields: () => ({
      eventTime: "2026-01-01T00:00:00.000000Z",
      reportingController: "example.com/test",
      reportingInstance: "test-1",
      action: "Testing",
      reason: "Tested",
      type: "Normal",
      regarding: { kind: "Pod", namespace: "default", name: "web" },
    }),
  },
  "flowcontrol.apiserver.k8s.io/v1/FlowSchema": inSpec(
    { priorityLevelConfiguration: { name: "global-default" }, matchingPrecedence: 5000 },
    conditions,
  ),
  "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration": inSpec(limits, conditions),
  "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": nothing,
  "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": nothing,
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": inSpec(
    { matchConstraints, validations: [{ expression: "true" }] },
    conditions,
  ),
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": inSpec({
    policyName: "nobody",
    validationActions: ["Deny"],
  }),
  ...versions(["v1", "v1beta1"], "admissionregistration.k8s.io", {
    MutatingAdmissionPolicy: mutatingPolicy,
    MutatingAdmissionPolicyBinding: inSpec({ policyName: "nobody" }),
  }),
  "networking.k8s.io/v1/IngressClass": inSpec({ controller: "example.com/ingress" }),
  "networking.k8s.io/v1/Ingress": inSpec(
    { defaultBackend: { service: { name: "web", port: { number: 80 } } } },
    { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
  ),
  "networking.k8s.io/v1/NetworkPolicy": inSpec({ podSelector: {} }),
  "node.k8s.io/v1/RuntimeClass": { fields: () => ({ handler: "crun" }) },
  "policy/v1/PodDisruptionBudget": inSpec(
    { maxUnavailable: 1, selector: { matchLabels: labels } },
    { currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0, expectedPods: 2 },
  ),
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": { fields: () => ({ roleRef, subjects }) },
  "rbac.authorization.k8s.io/v1/ClusterRole": { fields: () => ({ rules }) },
  "rbac.authorization.k8s.io/v1/RoleBinding": { fields: () => ({ roleRef, subjects }) },
  "rbac.authorization.k8s.io/v1/Role": { fields: () => ({ rules }) },
  "resource.k8s.io/v1beta2/DeviceTaintRule": inSpec(taintRule, conditions),
  "scheduling.k8s.io/v1/PriorityClass": { fields: () => ({ value: 1000 }) },
  "storage.k8s.io/v1/CSIDriver": inSpec({ attachRequired: false }),
  "storage.k8s.io/v1/CSINode": inSpec({ drivers: [{ name: "csi.example.com", nodeID: "one" }] }),
  "storage.k8s.io/v1/CSIStorageCapacity": { fields: () => ({ storageClassName: "fast" }) },
  "storage.k8s.io/v1/StorageClass": { fields: () => ({ provisioner: "example.com/disk" }) },
  "storage.k8s.io/v1/VolumeAttachment": inSpec(
    { attacher: "csi.example.com", nodeName: "one", source: { persistentVolumeName: "volume" } },
    { attached: true },
  ),
  ...versions(["v1", "v1beta1"], "networking.k8s.io", {
    IPAddress: {
      name: address,
      fields: () => ({ spec: { parentRef: { resource: "services", namespace: "default", name: "web" } } }),
    },
    ServiceCIDR: { ...inSpec({ cidrs: ["10.98.0.0/24"] }), status: conditions },
  }),
  ...versions(["v1", "v1beta1"], "storage.k8s.io", {
    VolumeAttributesClass: { fields: () => ({ driverName: "csi.example.com", parameters: { iops: "1" } }) },
  }),
  ...versions(["v1", "v1beta2"], "resource.k8s.io", {
    DeviceClass: inSpec({}),
    ResourceClaim: inSpec(claim, claimStatus),
    ResourceClaimTemplate: inSpec({ spec: claim }),
    ResourceSlice: inSpec({ ...slice, devices: [{ name: "d" }] }),
  }),
  ...versions(["v1beta1"], "resource.k8s.io", {
    DeviceClass: inSpec({}),
    ResourceClaim: inSpec(firstClaim, claimStatus),
    ResourceClaimTemplate: inSpec({ spec: firstClaim }),
    ResourceSlice: inSpec({ ...slice, devices: [{ name: "d", basic: {} }] }),
  }),
  ...versions(["v1beta1"], "storagemigration.k8s.io", {
    StorageVersionMigration: inSpec({ resource: { group: "apps", resource: "deployments" } }, conditions),
  }),
};

/** The same kinds in several versions of a group. */
function versions(
  names: readonly string[],
  group: string,
  kinds: Readonly<Record<string, Minimal>>,
): Record<string, Minimal> {
  return Object.fromEntries(
    names.flatMap((version) =>
      Object.entries(kinds).map(([kind, minimal]) => [`${group}/${version}/${kind}`, minimal]),
    ),
  );
}

/** The least valid body of the kinds that are questions, by `apiVersion/Kind`. */
export const minimalReviews: Readonly<Record<string, Record<string, unknown>>> = {
  "authentication.k8s.io/v1/SelfSubjectReview": {},
  "authentication.k8s.io/v1/TokenReview": { spec: { token: "unknown" } },
  "authorization.k8s.io/v1/LocalSubjectAccessReview": {
    metadata: { namespace: "default" },
    spec: { user: "jane", resourceAttributes: { namespace: "default", verb: "get", resource: "pods" } },
  },
  "authorization.k8s.io/v1/SelfSubjectAccessReview": {
    spec: { resourceAttributes: { verb: "get", resource: "pods" } },
  },
  "authorization.k8s.io/v1/SelfSubjectRulesReview": { spec: { namespace: "default" } },
  "authorization.k8s.io/v1/SubjectAccessReview": {
    spec: { user: "jane", resourceAttributes: { verb: "get", resource: "pods" } },
  },
};
