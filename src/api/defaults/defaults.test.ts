import { describe, expect, test } from "vitest";
import { decodeObject } from "../../apimachinery/decode.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { deepCopy, deepFreeze } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { builtinScheme } from "../builtin-scheme.ts";
import { fixturesOf, hasReference } from "../testing/reference.ts";
import { isLatestImage } from "./image-tag.ts";
import { applyDefaults } from "./index.ts";

const scheme = builtinScheme();

/** Decodes and defaults, as the API server does with a request. */
function defaulted(apiVersion: string, kind: string, rest: object): UnstructuredObject {
  const gvk = { ...parseApiVersion(apiVersion), kind };
  const schemaName = scheme.resourceForKind(gvk)?.schemaName ?? "";
  const { object } = decodeObject(scheme.schemas, schemaName, {
    apiVersion,
    kind,
    metadata: { name: "x" },
    ...rest,
  });
  applyDefaults(gvk, object);
  return object;
}

const container = {
  name: "c",
  image: "nginx:1.27",
  imagePullPolicy: "IfNotPresent",
  resources: {},
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
};
const podSpec = {
  containers: [container],
  dnsPolicy: "ClusterFirst",
  restartPolicy: "Always",
  schedulerName: "default-scheduler",
  securityContext: {},
  terminationGracePeriodSeconds: 30,
};
const bare = { spec: { containers: [{ name: "c", image: "nginx:1.27" }] } };
const template = { metadata: { labels: { app: "a" } }, spec: bare.spec };

describe("pods", () => {
  test("a bare pod gets what every pod has", () => {
    expect(defaulted("v1", "Pod", bare)["spec"]).toEqual({ ...podSpec, enableServiceLinks: true });
  });

  const one = (more: object): unknown =>
    (
      defaulted("v1", "Pod", { spec: { containers: [{ name: "c", image: "i:1", ...more }] } }) as {
        spec?: { containers: unknown[] };
      }
    ).spec?.containers[0];

  test.each([
    [
      "requests follow limits",
      { resources: { limits: { cpu: "1" } } },
      { resources: { limits: { cpu: "1" }, requests: { cpu: "1" } } },
    ],
    [
      "given requests stay",
      { resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "100m" } } },
      { resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "100m", memory: "1Gi" } } },
    ],
    [
      "quantities are rounded up to thousandths",
      { resources: { requests: { cpu: "100n" } } },
      { resources: { requests: { cpu: "1m" } } },
    ],
    [
      "ports speak TCP",
      { ports: [{ containerPort: 80 }] },
      { ports: [{ containerPort: 80, protocol: "TCP" }] },
    ],
    [
      "probes have their rhythm",
      { livenessProbe: { httpGet: { port: 80 } } },
      {
        livenessProbe: {
          httpGet: { port: 80, path: "/", scheme: "HTTP" },
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3,
        },
      },
    ],
    [
      "hooks call over HTTP",
      { lifecycle: { preStop: { httpGet: { port: 80 } } } },
      { lifecycle: { preStop: { httpGet: { port: 80, path: "/", scheme: "HTTP" } } } },
    ],
    [
      "field references are of v1",
      { env: [{ name: "N", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] },
      { env: [{ name: "N", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } }] },
    ],
  ])("%s", (_, given, expected) => {
    expect(one(given)).toMatchObject(expected);
  });

  test.each([
    ["nginx", "Always"],
    ["nginx:latest", "Always"],
    ["nginx:1.27", "IfNotPresent"],
    ["registry:5000/a/b", "Always"],
    ["registry:5000/a/b:v1", "IfNotPresent"],
    [`nginx@sha256:${"0".repeat(64)}`, "IfNotPresent"],
    [`nginx:latest@sha256:${"0".repeat(64)}`, "Always"],
    ["not an image", "IfNotPresent"],
    ["", "IfNotPresent"],
  ])("image %j is pulled %s", (image, policy) => {
    expect(isLatestImage(image) ? "Always" : "IfNotPresent").toBe(policy);
  });

  const volume = (source: object): unknown =>
    (
      defaulted("v1", "Pod", { spec: { ...bare.spec, volumes: [{ name: "v", ...source }] } }) as {
        spec?: { volumes: unknown[] };
      }
    ).spec?.volumes[0];

  test.each([
    ["nothing is an empty directory", {}, { emptyDir: {} }],
    [
      "secrets are readable",
      { secret: { secretName: "s" } },
      { secret: { secretName: "s", defaultMode: 420 } },
    ],
    [
      "config maps are readable",
      { configMap: { name: "m" } },
      { configMap: { name: "m", defaultMode: 420 } },
    ],
    ["host paths are not checked", { hostPath: { path: "/" } }, { hostPath: { path: "/", type: "" } }],
    [
      "tokens live for an hour",
      { projected: { sources: [{ serviceAccountToken: { path: "t" } }] } },
      {
        projected: {
          defaultMode: 420,
          sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 3600 } }],
        },
      },
    ],
    [
      "claims of ephemeral volumes are file systems",
      { ephemeral: { volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"] } } } },
      { ephemeral: { volumeClaimTemplate: { spec: { volumeMode: "Filesystem" } } } },
    ],
    [
      "downward API fields are of v1",
      { downwardAPI: { items: [{ path: "p", fieldRef: { fieldPath: "metadata.labels" } }] } },
      { downwardAPI: { defaultMode: 420, items: [{ fieldRef: { apiVersion: "v1" } }] } },
    ],
    [
      "disks",
      { rbd: { image: "i", monitors: ["m"] } },
      { rbd: { pool: "rbd", user: "admin", keyring: "/etc/ceph/keyring" } },
    ],
  ])("of volumes: %s", (_, given, expected) => {
    expect(volume(given)).toMatchObject(expected);
  });

  test("on the host's network container ports are host ports", () => {
    const pod = defaulted("v1", "Pod", {
      spec: { hostNetwork: true, containers: [{ name: "c", image: "i", ports: [{ containerPort: 80 }] }] },
    });
    expect(pod).toMatchObject({ spec: { containers: [{ ports: [{ hostPort: 80 }] }] } });
  });

  test("the two names of the service account agree", () => {
    const pod = defaulted("v1", "Pod", { spec: { ...bare.spec, serviceAccount: "builder" } });
    expect(pod).toMatchObject({ spec: { serviceAccount: "builder", serviceAccountName: "builder" } });
  });

  test("the older field of the pod's address rules", () => {
    const pod = defaulted("v1", "Pod", { ...bare, status: { podIP: "10.0.0.1" } });
    expect(pod).toMatchObject({ status: { podIPs: [{ ip: "10.0.0.1" }] } });
  });

  test("resources of the whole pod come from its containers", () => {
    const pod = defaulted("v1", "Pod", {
      spec: {
        containers: [
          { name: "a", image: "i", resources: { requests: { cpu: "100m" } } },
          { name: "b", image: "i", resources: { requests: { cpu: "200m" } } },
        ],
        initContainers: [{ name: "i", image: "i", resources: { requests: { cpu: "250m" } } }],
        resources: { limits: { cpu: "1", memory: "1Gi" } },
      },
    });
    expect(pod).toMatchObject({ spec: { resources: { requests: { cpu: "300m", memory: "1Gi" } } } });
  });
});

test.each([
  [
    "apps/v1",
    "Deployment",
    { spec: { template } },
    {
      replicas: 1,
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    },
  ],
  [
    "apps/v1",
    "Deployment",
    { spec: { replicas: 0, strategy: { type: "Recreate" }, template } },
    { replicas: 0, strategy: { type: "Recreate" } },
  ],
  ["apps/v1", "ReplicaSet", { spec: { template } }, { replicas: 1, template: { spec: podSpec } }],
  [
    "apps/v1",
    "DaemonSet",
    { spec: { template } },
    {
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      revisionHistoryLimit: 10,
    },
  ],
  [
    "apps/v1",
    "StatefulSet",
    { spec: { template, volumeClaimTemplates: [{ metadata: { name: "data" }, spec: {} }] } },
    {
      replicas: 1,
      podManagementPolicy: "OrderedReady",
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      volumeClaimTemplates: [
        {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          spec: { volumeMode: "Filesystem" },
          status: { phase: "Pending" },
        },
      ],
    },
  ],
  [
    "batch/v1",
    "Job",
    { spec: { template } },
    {
      backoffLimit: 6,
      completionMode: "NonIndexed",
      completions: 1,
      manualSelector: false,
      parallelism: 1,
      podReplacementPolicy: "TerminatingOrFailed",
      suspend: false,
    },
  ],
  [
    "batch/v1",
    "Job",
    { spec: { backoffLimitPerIndex: 1, completions: 3, template } },
    { backoffLimit: 2147483647, parallelism: 1 },
  ],
  [
    "batch/v1",
    "CronJob",
    { spec: { schedule: "* * * * *", jobTemplate: { spec: { template } } } },
    {
      concurrencyPolicy: "Allow",
      failedJobsHistoryLimit: 1,
      successfulJobsHistoryLimit: 3,
      suspend: false,
      jobTemplate: { spec: { template: { spec: podSpec } } },
    },
  ],
  ["v1", "ReplicationController", { spec: { template } }, { replicas: 1, selector: { app: "a" } }],
  [
    "v1",
    "Service",
    { spec: { ports: [{ port: 80 }] } },
    {
      type: "ClusterIP",
      sessionAffinity: "None",
      internalTrafficPolicy: "Cluster",
      ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
    },
  ],
  [
    "v1",
    "Service",
    { spec: { type: "LoadBalancer", sessionAffinity: "ClientIP" } },
    {
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: "Cluster",
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
    },
  ],
  ["v1", "PersistentVolumeClaim", { spec: {} }, { volumeMode: "Filesystem" }],
  [
    "v1",
    "PersistentVolume",
    { spec: {} },
    { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem" },
  ],
  [
    "v1",
    "LimitRange",
    { spec: { limits: [{ type: "Container", max: { cpu: "2" }, min: { memory: "1Mi" } }] } },
    { limits: [{ default: { cpu: "2" }, defaultRequest: { cpu: "2", memory: "1Mi" } }] },
  ],
  [
    "networking.k8s.io/v1",
    "NetworkPolicy",
    { spec: { podSelector: {}, egress: [{ ports: [{ port: 53 }] }] } },
    { policyTypes: ["Ingress", "Egress"], egress: [{ ports: [{ protocol: "TCP" }] }] },
  ],
  ["networking.k8s.io/v1", "NetworkPolicy", { spec: { podSelector: {} } }, { policyTypes: ["Ingress"] }],
  [
    "networking.k8s.io/v1",
    "IngressClass",
    { spec: { controller: "c", parameters: { kind: "K", name: "n" } } },
    { parameters: { scope: "Cluster" } },
  ],
  [
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    { spec: { maxReplicas: 3, behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } } },
    {
      minReplicas: 1,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
        },
      ],
      behavior: {
        scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: "Max" },
        scaleDown: {
          stabilizationWindowSeconds: 60,
          policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
        },
      },
    },
  ],
  [
    "storage.k8s.io/v1",
    "CSIDriver",
    { spec: {} },
    {
      attachRequired: true,
      fsGroupPolicy: "ReadWriteOnceWithFSType",
      volumeLifecycleModes: ["Persistent"],
      seLinuxMount: false,
    },
  ],
  [
    "flowcontrol.apiserver.k8s.io/v1",
    "PriorityLevelConfiguration",
    { spec: { type: "Limited", limited: { limitResponse: { queuing: {} } } } },
    {
      limited: {
        nominalConcurrencyShares: 30,
        limitResponse: { queuing: { handSize: 8, queues: 64, queueLengthLimit: 50 } },
      },
    },
  ],
  [
    "resource.k8s.io/v1",
    "ResourceClaim",
    { spec: { devices: { requests: [{ name: "r", exactly: { deviceClassName: "c" } }] } } },
    { devices: { requests: [{ exactly: { allocationMode: "ExactCount", count: 1 } }] } },
  ],
  [
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    {
      spec: {
        names: { kind: "CronTab", plural: "crontabs" },
        versions: [{ name: "v1", served: true, storage: true }],
      },
    },
    { names: { singular: "crontab", listKind: "CronTabList" }, conversion: { strategy: "None" } },
  ],
])("the spec of %s %s is filled in", (apiVersion, kind, given, expected) => {
  expect(defaulted(apiVersion, kind, given)["spec"]).toMatchObject(expected);
});

test.each([
  ["v1", "Secret", { stringData: { a: "b" } }, { type: "Opaque", data: { a: "Yg==" } }],
  [
    "v1",
    "Namespace",
    {},
    { metadata: { labels: { "kubernetes.io/metadata.name": "x" } }, status: { phase: "Active" } },
  ],
  ["v1", "Node", { status: { capacity: { cpu: "2" } } }, { status: { allocatable: { cpu: "2" } } }],
  [
    "v1",
    "Endpoints",
    { subsets: [{ ports: [{ port: 1 }] }] },
    { subsets: [{ ports: [{ protocol: "TCP" }] }] },
  ],
  [
    "discovery.k8s.io/v1",
    "EndpointSlice",
    { ports: [{ port: 1 }] },
    { ports: [{ name: "", protocol: "TCP" }] },
  ],
  ["storage.k8s.io/v1", "StorageClass", {}, { reclaimPolicy: "Delete", volumeBindingMode: "Immediate" }],
  ["scheduling.k8s.io/v1", "PriorityClass", {}, { preemptionPolicy: "PreemptLowerPriority" }],
  [
    "rbac.authorization.k8s.io/v1",
    "RoleBinding",
    {
      roleRef: { kind: "Role", name: "r" },
      subjects: [
        { kind: "User", name: "u" },
        { kind: "ServiceAccount", name: "s" },
      ],
    },
    {
      roleRef: { apiGroup: "rbac.authorization.k8s.io" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io" }, { kind: "ServiceAccount" }],
    },
  ],
  ["batch/v1", "Job", { spec: { template } }, { metadata: { labels: { app: "a" } } }],
  [
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    { webhooks: [{ name: "w", clientConfig: { service: { name: "s", namespace: "n" } }, rules: [{}] }] },
    {
      webhooks: [
        {
          clientConfig: { service: { port: 443 } },
          failurePolicy: "Fail",
          matchPolicy: "Equivalent",
          reinvocationPolicy: "Never",
          rules: [{ scope: "*" }],
          timeoutSeconds: 10,
        },
      ],
    },
  ],
])("%s %s is filled in", (apiVersion, kind, given, expected) => {
  expect(defaulted(apiVersion, kind, given)).toMatchObject(expected);
});

test("strings are never kept in secrets", () => {
  expect(defaulted("v1", "Secret", { stringData: { a: "b" } })).not.toHaveProperty("stringData");
});

test.skipIf(!hasReference)("applying defaults twice changes nothing, in any fixture of Kubernetes", () => {
  for (const { name, resource, object } of fixturesOf(scheme)) {
    applyDefaults(resource, object);
    const once = deepCopy(object);
    applyDefaults(resource, object);
    expect([name, object]).toEqual([name, once]);
  }
});

test("every kind can be defaulted when nothing but its name is given", () => {
  for (const { group, version, kind } of scheme.resources()) {
    expect(() => defaulted(group === "" ? version : `${group}/${version}`, kind, {})).not.toThrow();
  }
});

describe("what is stored has its defaults", () => {
  test.each([
    ["Pod", { spec: { serviceAccountName: "a", containers: [container] }, status: { podIP: "10.0.0.1" } }],
    ["Node", { spec: { podCIDR: "10.0.0.0/24" }, status: { capacity: { cpu: "1" } } }],
  ])("a spec of a %s that is frozen is left alone", (kind, rest) => {
    const stored = defaulted("v1", kind, rest);
    const spec = deepFreeze(stored["spec"]);
    const again = { ...deepCopy(stored), spec };
    applyDefaults({ ...parseApiVersion("v1"), kind }, again);
    expect(again).toEqual(stored);
    expect(again.spec).toBe(spec);
  });
});
