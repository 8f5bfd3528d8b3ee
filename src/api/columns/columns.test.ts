import { describe, expect, test } from "vitest";
import { decodeObject } from "../../apimachinery/decode.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { builtinScheme } from "../builtin-scheme.ts";
import { fixturesOf, hasReference } from "../testing/reference.ts";
import { printerFor } from "./index.ts";

const scheme = builtinScheme();
const nowMs = Date.parse("2026-01-01T01:00:00Z");

function cells(apiVersion: string, kind: string, rest: object, metadata: object = {}): unknown[] {
  const gvk = { ...parseApiVersion(apiVersion), kind };
  const { object } = decodeObject(scheme.schemas, scheme.resourceForKind(gvk)?.schemaName ?? "", {
    apiVersion,
    kind,
    metadata: { name: "x", namespace: "ns", creationTimestamp: "2026-01-01T00:00:00Z", ...metadata },
    ...rest,
  });
  return printerFor(gvk).cells(object, nowMs);
}

const template = {
  spec: {
    containers: [
      { name: "a", image: "i:1" },
      { name: "b", image: "j:2" },
    ],
  },
};
const selector = { matchLabels: { app: "x" } };

test.each([
  [
    "apps/v1",
    "Deployment",
    {
      spec: { replicas: 3, selector, template },
      status: { readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 },
    },
    ["x", "2/3", 1, 2, "60m", "a,b", "i:1,j:2", "app=x"],
  ],
  [
    "apps/v1",
    "ReplicaSet",
    { spec: { replicas: 3, selector, template }, status: { replicas: 2, readyReplicas: 1 } },
    ["x", 3, 2, 1, "60m", "a,b", "i:1,j:2", "app=x"],
  ],
  [
    "apps/v1",
    "StatefulSet",
    { spec: { replicas: 3, template }, status: { readyReplicas: 1 } },
    ["x", "1/3", "60m", "a,b", "i:1,j:2"],
  ],
  [
    "apps/v1",
    "DaemonSet",
    {
      spec: { selector, template },
      status: {
        desiredNumberScheduled: 2,
        currentNumberScheduled: 2,
        numberReady: 1,
        updatedNumberScheduled: 2,
        numberAvailable: 1,
      },
    },
    ["x", 2, 2, 1, 2, 1, "<none>", "60m", "a,b", "i:1,j:2", "app=x"],
  ],
  [
    "batch/v1",
    "Job",
    {
      spec: { completions: 3, selector, template },
      status: { succeeded: 1, startTime: "2026-01-01T00:00:00Z" },
    },
    ["x", "Running", "1/3", "60m", "60m", "a,b", "i:1,j:2", "app=x"],
  ],
  [
    "batch/v1",
    "Job",
    {
      spec: { parallelism: 2, template },
      status: {
        conditions: [{ type: "Complete", status: "True" }],
        succeeded: 2,
        startTime: "2026-01-01T00:00:00Z",
        completionTime: "2026-01-01T00:00:05Z",
      },
    },
    ["x", "Complete", "2/1 of 2", "5s", "60m", "a,b", "i:1,j:2", "<none>"],
  ],
  [
    "batch/v1",
    "CronJob",
    {
      spec: { schedule: "* * * * *", suspend: false, jobTemplate: { spec: { template } } },
      status: { active: [{}], lastScheduleTime: "2026-01-01T00:59:30Z" },
    },
    ["x", "* * * * *", "<none>", "False", 1, "30s", "60m", "a,b", "i:1,j:2", "<none>"],
  ],
  [
    "v1",
    "Service",
    { spec: { type: "ClusterIP", clusterIPs: ["10.96.0.1"], ports: [{ port: 443, protocol: "TCP" }] } },
    ["x", "ClusterIP", "10.96.0.1", "<none>", "443/TCP", "60m", "<none>"],
  ],
  [
    "v1",
    "Service",
    {
      spec: {
        type: "NodePort",
        clusterIPs: ["10.96.0.1"],
        ports: [{ port: 80, nodePort: 30080, protocol: "TCP" }],
        selector: { a: "b", c: "d" },
      },
    },
    ["x", "NodePort", "10.96.0.1", "<none>", "80:30080/TCP", "60m", "a=b,c=d"],
  ],
  [
    "v1",
    "Service",
    { spec: { type: "LoadBalancer" } },
    ["x", "LoadBalancer", "<none>", "<pending>", "<none>", "60m", "<none>"],
  ],
  [
    "v1",
    "Service",
    { spec: { type: "LoadBalancer" }, status: { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } } },
    ["x", "LoadBalancer", "<none>", "1.2.3.4", "<none>", "60m", "<none>"],
  ],
  [
    "v1",
    "Service",
    { spec: { type: "ExternalName", externalName: "example.com" } },
    ["x", "ExternalName", "<none>", "example.com", "<none>", "60m", "<none>"],
  ],
  [
    "v1",
    "Endpoints",
    {
      subsets: [{ addresses: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }], ports: [{ port: 80 }, { port: 81 }] }],
    },
    ["x", "10.0.0.1:80,[fd00::1]:80,10.0.0.1:81 + 1 more...", "60m"],
  ],
  ["v1", "Endpoints", {}, ["x", "<none>", "60m"]],
  [
    "discovery.k8s.io/v1",
    "EndpointSlice",
    {
      addressType: "IPv4",
      ports: [{ port: 80 }],
      endpoints: [{ addresses: ["10.0.0.1"] }, { addresses: ["10.0.0.2"] }],
    },
    ["x", "IPv4", "80", "10.0.0.1,10.0.0.2", "60m"],
  ],
  [
    "discovery.k8s.io/v1",
    "EndpointSlice",
    { addressType: "IPv4" },
    ["x", "IPv4", "<unset>", "<unset>", "60m"],
  ],
  ["v1", "Namespace", { status: { phase: "Active" } }, ["x", "Active", "60m"]],
  ["v1", "Secret", { type: "Opaque", data: { a: "Yg==" } }, ["x", "Opaque", 1, "60m"]],
  ["v1", "ConfigMap", { data: { a: "b" }, binaryData: { c: "ZA==" } }, ["x", 2, "60m"]],
  ["v1", "ServiceAccount", {}, ["x", "60m"]],
  [
    "v1",
    "PersistentVolume",
    {
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteMany", "ReadWriteOnce"],
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: { namespace: "a", name: "b" },
        storageClassName: "fast",
        volumeMode: "Filesystem",
      },
      status: { phase: "Bound" },
    },
    ["x", "1Gi", "RWO,RWX", "Retain", "Bound", "a/b", "fast", "<unset>", "", "60m", "Filesystem"],
  ],
  [
    "v1",
    "PersistentVolumeClaim",
    { spec: { resources: { requests: { storage: "1Gi" } } }, status: { phase: "Pending" } },
    ["x", "Pending", "", "", "", "", "<unset>", "60m", "<unset>"],
  ],
  [
    "v1",
    "PersistentVolumeClaim",
    {
      spec: { volumeName: "pv", storageClassName: "fast", volumeMode: "Block" },
      status: { phase: "Bound", capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOnce"] },
    },
    ["x", "Bound", "pv", "2Gi", "RWO", "fast", "<unset>", "60m", "Block"],
  ],
  [
    "v1",
    "ResourceQuota",
    {
      status: {
        hard: { "limits.cpu": "4", pods: "10", "requests.cpu": "2" },
        used: { pods: "3", "requests.cpu": "1" },
      },
    },
    ["x", "pods: 3/10, requests.cpu: 1/2", "limits.cpu: 0/4", "60m"],
  ],
  [
    "v1",
    "Event",
    {
      involvedObject: { kind: "Pod", name: "web", fieldPath: "spec.containers{a}" },
      type: "Warning",
      reason: "BackOff",
      message: "again \n",
      source: { component: "kubelet", host: "n1" },
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:59:00Z",
      count: 7,
    },
    ["60s", "Warning", "BackOff", "pod/web", "spec.containers{a}", "kubelet, n1", "again", "60m", 7, "x"],
  ],
  [
    "events.k8s.io/v1",
    "Event",
    {
      regarding: { kind: "Node", name: "n1" },
      type: "Normal",
      reason: "Ready",
      note: "hello",
      eventTime: "2026-01-01T00:59:00.000000Z",
      reportingController: "kubelet",
    },
    ["60s", "Normal", "Ready", "node/n1", "", "kubelet", "hello", "60s", 1, "x"],
  ],
  [
    "networking.k8s.io/v1",
    "Ingress",
    {
      spec: { ingressClassName: "nginx", rules: [{ host: "a" }, { host: "b" }], tls: [{}] },
      status: { loadBalancer: { ingress: [{ hostname: "lb" }] } },
    },
    ["x", "nginx", "a,b", "lb", "80, 443", "60m"],
  ],
  ["networking.k8s.io/v1", "Ingress", { spec: { rules: [{}] } }, ["x", "<none>", "*", "", "80", "60m"]],
  [
    "networking.k8s.io/v1",
    "IngressClass",
    { spec: { controller: "c", parameters: { apiGroup: "g", kind: "K", name: "n" } } },
    ["x", "c", "K.g/n", "60m"],
  ],
  [
    "networking.k8s.io/v1",
    "NetworkPolicy",
    { spec: { podSelector: { matchLabels: { a: "b" } } } },
    ["x", "a=b", "60m"],
  ],
  ["networking.k8s.io/v1", "NetworkPolicy", { spec: { podSelector: {} } }, ["x", "<none>", "60m"]],
  [
    "networking.k8s.io/v1",
    "IPAddress",
    { spec: { parentRef: { resource: "services", namespace: "default", name: "kubernetes" } } },
    ["x", "services/default/kubernetes"],
  ],
  [
    "policy/v1",
    "PodDisruptionBudget",
    { spec: { maxUnavailable: "20%" }, status: { disruptionsAllowed: 1 } },
    ["x", "N/A", "20%", 1, "60m"],
  ],
  [
    "rbac.authorization.k8s.io/v1",
    "RoleBinding",
    {
      roleRef: { kind: "Role", name: "r" },
      subjects: [
        { kind: "User", name: "u" },
        { kind: "ServiceAccount", namespace: "n", name: "s" },
      ],
    },
    ["x", "Role/r", "60m", "u", "", "n/s"],
  ],
  [
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    {
      spec: { signerName: "s", username: "u", expirationSeconds: 3600 },
      status: { conditions: [{ type: "Approved" }], certificate: "Yg==" },
    },
    ["x", "60m", "s", "u", "60m", "Approved,Issued"],
  ],
  [
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    { spec: { signerName: "s" } },
    ["x", "60m", "s", "", "<none>", "Pending"],
  ],
  [
    "coordination.k8s.io/v1beta1",
    "LeaseCandidate",
    { spec: { leaseName: "l", binaryVersion: "1.36.0", strategy: "OldestEmulationVersion" } },
    ["x", "l", "1.36.0", "", "60m"],
  ],
  [
    "resource.k8s.io/v1beta2",
    "DeviceTaintRule",
    { spec: { taint: { key: "k", value: "v", effect: "NoExecute", timeAdded: "2026-01-01T00:00:00Z" } } },
    ["x", "k", "v", "NoExecute", "60m", "60m"],
  ],
  [
    "resource.k8s.io/v1beta2",
    "DeviceTaintRule",
    { spec: { taint: { key: "k", effect: "NoSchedule" } } },
    ["x", "k", "", "NoSchedule", "", "60m"],
  ],
  ["certificates.k8s.io/v1beta1", "ClusterTrustBundle", { spec: { trustBundle: "t" } }, ["x", "<none>"]],
  [
    "certificates.k8s.io/v1beta1",
    "PodCertificateRequest",
    {
      spec: {
        podName: "p",
        serviceAccountName: "s",
        nodeName: "n",
        signerName: "a/b",
        unverifiedUserAnnotations: { b: "1", a: "2" },
      },
      status: { conditions: [{ type: "Issued", status: "True" }] },
    },
    ["x", "p", "s", "n", "a/b", "Issued", "a=2,b=1"],
  ],
  [
    "storagemigration.k8s.io/v1beta1",
    "StorageVersionMigration",
    {
      spec: { resource: { group: "apps", resource: "deployments" } },
      status: {
        conditions: [
          { type: "Running", status: "True" },
          { type: "Succeeded", status: "False" },
        ],
      },
    },
    ["x", "deployments.apps", "Running"],
  ],
  ["coordination.k8s.io/v1", "Lease", { spec: { holderIdentity: "me" } }, ["x", "me", "60m"]],
  [
    "storage.k8s.io/v1",
    "StorageClass",
    { provisioner: "p" },
    ["x", "p", "Delete", "Immediate", false, "60m"],
  ],
  [
    "storage.k8s.io/v1",
    "CSIDriver",
    { spec: { tokenRequests: [{ audience: "a" }] } },
    ["x", true, false, false, "a", false, "<none>", "60m"],
  ],
  [
    "scheduling.k8s.io/v1",
    "PriorityClass",
    { value: 7, globalDefault: true, preemptionPolicy: "Never" },
    ["x", 7, true, "60m", "Never"],
  ],
  [
    "autoscaling/v1",
    "HorizontalPodAutoscaler",
    {
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        maxReplicas: 5,
        targetCPUUtilizationPercentage: 50,
      },
      status: { currentReplicas: 2, currentCPUUtilizationPercentage: 30 },
    },
    ["x", "Deployment/web", "cpu: 30%/50%", "1", 5, 2, "60m"],
  ],
  [
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    {
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        minReplicas: 2,
        maxReplicas: 5,
        metrics: [
          { type: "Resource", resource: { name: "cpu", target: { averageUtilization: 50 } } },
          { type: "Pods", pods: { metric: { name: "m" }, target: { averageValue: "1k" } } },
          { type: "External", external: { metric: { name: "m" }, target: { value: "3" } } },
        ],
      },
    },
    ["x", "Deployment/web", "cpu: <unknown>/50%, <unknown>/1k + 1 more...", "2", 5, 0, "60m"],
  ],
  ["apps/v1", "ControllerRevision", { revision: 4 }, ["x", "<none>", 4, "60m"]],
  [
    "resource.k8s.io/v1",
    "ResourceClaim",
    { spec: {}, status: { allocation: {}, reservedFor: [{ name: "p" }] } },
    ["x", "allocated,reserved", "60m"],
  ],
  [
    "flowcontrol.apiserver.k8s.io/v1",
    "PriorityLevelConfiguration",
    { spec: { type: "Exempt" } },
    ["x", "Exempt", "<none>", "<none>", "<none>", "<none>", "60m"],
  ],
  [
    "apiregistration.k8s.io/v1",
    "APIService",
    { spec: {}, status: { conditions: [{ type: "Available", status: "False", reason: "Gone" }] } },
    ["x", "Local", "False (Gone)", "60m"],
  ],
  [
    "apiregistration.k8s.io/v1",
    "APIService",
    {
      spec: { service: { namespace: "a", name: "b" } },
      status: { conditions: [{ type: "Available", status: "False" }] },
    },
    ["x", "a/b", "False", "60m"],
  ],
  [
    "apiregistration.k8s.io/v1",
    "APIService",
    { spec: { service: { namespace: "a", name: "b" } } },
    ["x", "a/b", "Unknown", "60m"],
  ],
  ["rbac.authorization.k8s.io/v1", "ClusterRole", {}, ["x", "2026-01-01T00:00:00Z"]],
])("%s %s is printed (%#)", (apiVersion, kind, rest, expected) => {
  expect(cells(apiVersion, kind, rest)).toEqual(expected);
});

describe("nodes", () => {
  const status = {
    conditions: [{ type: "Ready", status: "True" }],
    addresses: [{ type: "InternalIP", address: "192.168.0.2" }],
    nodeInfo: {
      kubeletVersion: "v1.36.0",
      osImage: "Debian",
      kernelVersion: "6.1",
      containerRuntimeVersion: "crun://1",
    },
  };

  test("show their roles and what they run", () => {
    const labels = { "node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "worker" };
    expect(cells("v1", "Node", { status }, { labels })).toEqual([
      "x",
      "Ready",
      "control-plane,worker",
      "60m",
      "v1.36.0",
      "192.168.0.2",
      "<none>",
      "Debian",
      "6.1",
      "crun://1",
    ]);
  });

  test.each([
    ["True", false, "Ready"],
    ["False", false, "NotReady"],
    ["Unknown", true, "NotReady,SchedulingDisabled"],
  ])("ready %s, cordoned %s: %s", (ready, unschedulable, word) => {
    const conditions = [{ type: "Ready", status: ready }];
    expect(cells("v1", "Node", { spec: { unschedulable }, status: { conditions } })[1]).toBe(word);
  });

  test("without conditions are unknown", () => {
    expect(cells("v1", "Node", {})[1]).toBe("Unknown");
  });
});

test("the default storage class is marked", () => {
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  expect(cells("storage.k8s.io/v1", "StorageClass", {}, { annotations })[0]).toBe("x (default)");
});

test("every kind has as many cells as columns, also when only its name is given", () => {
  for (const { group, version, kind } of scheme.resources()) {
    const apiVersion = group === "" ? version : `${group}/${version}`;
    expect([kind, cells(apiVersion, kind, {}).length]).toEqual([
      kind,
      printerFor({ group, kind }).columns.length,
    ]);
  }
});

test.skipIf(!hasReference)("every fixture of Kubernetes can be printed", () => {
  for (const { name, resource, object } of fixturesOf(scheme)) {
    const printer = printerFor(resource);
    expect([name, printer.cells(object, nowMs).length]).toEqual([name, printer.columns.length]);
  }
});
