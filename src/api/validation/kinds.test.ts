import { describe, expect, test } from "vitest";
import { cronError } from "./cron.ts";
import { checkCidr, checkIp } from "./ip.ts";
import { createErrors, updateErrors, warningsOf } from "./testing/tables.ts";

const metadata = { name: "a", namespace: "default", uid: "u", resourceVersion: "1" };
const template = {
  metadata: { labels: { app: "a" } },
  spec: { containers: [{ name: "a", image: "a", imagePullPolicy: "Always" }] },
};
const selector = { matchLabels: { app: "a" } };
const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { selector, template } };
const statefulSet = { ...deployment, kind: "StatefulSet", spec: { ...deployment.spec, serviceName: "a" } };
const daemonSet = { ...deployment, kind: "DaemonSet" };
const jobTemplate = { ...template, spec: { ...template.spec, restartPolicy: "Never" } };
const job = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata,
  spec: { manualSelector: true, selector: { matchLabels: { app: "a" } }, template: jobTemplate },
};
const cronJob = {
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata,
  spec: { schedule: "0 * * * *", jobTemplate: { spec: { template: jobTemplate } } },
};
const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata,
  spec: { ports: [{ port: 80 }], clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"], ipFamilies: ["IPv4"] },
};
const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: "b" } };
const secret = { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", data: { a: "Yg==" } };
const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata,
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};
const cluster = { name: "a", uid: "u", resourceVersion: "1" };
const volume = {
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: cluster,
  spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/a" } },
};
const ingress = {
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata,
  spec: { defaultBackend: { service: { name: "a", port: { number: 80 } } } },
};
const policy = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata,
  spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] },
};
const binding = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata,
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "a" },
  subjects: [{ kind: "User", name: "a", apiGroup: "rbac.authorization.k8s.io" }],
};
const role = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "Role",
  metadata,
  rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
};
const autoscaler = {
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata,
  spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "a" } },
};
const budget = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec: { minAvailable: 1 } };
const namespace = { apiVersion: "v1", kind: "Namespace", metadata: cluster };
const node = {
  apiVersion: "v1",
  kind: "Node",
  metadata: cluster,
  spec: { podCIDR: "10.0.0.0/24", podCIDRs: ["10.0.0.0/24"] },
};
const storageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: cluster,
  provisioner: "a.b/c",
  parameters: { a: "b" },
};
const priorityClass = {
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: cluster,
  value: 5,
};
const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec: {} };
const slice = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata,
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.0.0.1"] }],
};
const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata, spec: { hard: { pods: "1" } } };
const immutableWhenSet = "Forbidden: field is immutable when `immutable` is set";
const statefulSetFields =
  "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

const bases: [string, Record<string, unknown>][] = [
  deployment,
  statefulSet,
  daemonSet,
  job,
  cronJob,
  service,
  configMap,
  secret,
  claim,
  volume,
  ingress,
  policy,
  binding,
  role,
  autoscaler,
  budget,
  namespace,
  node,
  storageClass,
  priorityClass,
  lease,
  slice,
  quota,
].map((object) => [object.kind, object]);

test.each(bases)("a sound %s has no errors, and neither has a change of nothing", (_kind, object) => {
  expect(createErrors(object)).toEqual([]);
  expect(updateErrors(object, {}, {})).toEqual([]);
});

describe("a new object", () => {
  test.each<[string, Record<string, unknown>, unknown, string[]]>([
    [
      "whose selector misses its template",
      deployment,
      { spec: { selector: { matchLabels: { app: "b" } } } },
      [
        'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "without a selector",
      deployment,
      { spec: { selector: null } },
      [
        "spec.selector: Required value",
        'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "with an empty selector",
      deployment,
      { spec: { selector: { matchLabels: null } } },
      ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    ],
    [
      "whose pods end",
      deployment,
      { spec: { template: { spec: { restartPolicy: "Never" } } } },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      "with negative replicas",
      deployment,
      { spec: { replicas: -1 } },
      ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    ],
    [
      "that could not roll",
      deployment,
      { spec: { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } } },
      ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
    ],
    [
      "named like a domain",
      statefulSet,
      { metadata: { name: "a.b" } },
      ['metadata.name: Invalid value: "a.b": must not contain dots'],
    ],
    [
      "that would surge and be unavailable",
      daemonSet,
      { spec: { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } } },
      [
        "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
      ],
    ],
    [
      "whose pods never end",
      job,
      { spec: { template: { spec: { restartPolicy: null } } } },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      "indexed without a count",
      job,
      { spec: { completionMode: "Indexed", completions: null, parallelism: 2 } },
      ["spec.completions: Required value: when completion mode is Indexed"],
    ],
    [
      "with an odd schedule",
      cronJob,
      { spec: { schedule: "0 * *" } },
      ['spec.schedule: Invalid value: "0 * *": expected exactly 5 fields, found 3: [0 * *]'],
    ],
    [
      "with a zone in its schedule",
      cronJob,
      { spec: { schedule: "TZ=UTC 0 * * * *" } },
      [
        'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ],
    ],
    [
      "in no time zone",
      cronJob,
      { spec: { timeZone: "Mars/North" } },
      ['spec.timeZone: Invalid value: "Mars/North": unknown time zone Mars/North'],
    ],
    [
      "with too long a name",
      cronJob,
      { metadata: { name: "a".repeat(53) } },
      [`metadata.name: Invalid value: "${"a".repeat(53)}": must be no more than 52 characters`],
    ],
    ["without ports", service, { spec: { ports: [] } }, ["spec.ports: Required value"]],
    [
      "with two ports and no names",
      service,
      { spec: { ports: [{ port: 80 }, { port: 81 }] } },
      ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
    ],
    [
      "of an unknown type",
      service,
      { spec: { type: "Other" } },
      [
        'spec.type: Unsupported value: "Other": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      "with a node port that it cannot have",
      service,
      { spec: { ports: [{ port: 80, nodePort: 30_000 }] } },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      "with an odd key",
      configMap,
      { data: { "a b": "c" } },
      [
        "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ],
    ],
    [
      "beyond a megabyte",
      configMap,
      { data: { a: "x".repeat(1024 * 1024 + 1) } },
      ["[]: Too long: may not be more than 1048576 bytes"],
    ],
    [
      "of a certificate that is not there",
      secret,
      { type: "kubernetes.io/tls" },
      ["data[tls.crt]: Required value", "data[tls.key]: Required value"],
    ],
    [
      "without a size",
      claim,
      { spec: { resources: { requests: null } } },
      ["spec.resources[storage]: Required value"],
    ],
    [
      "with an unknown access mode",
      claim,
      { spec: { accessModes: ["Any"] } },
      [
        'spec.accessModes: Unsupported value: "Any": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      ],
    ],
    [
      "of no source",
      volume,
      { spec: { hostPath: null } },
      ["spec: Required value: must specify a volume type"],
    ],
    [
      "with nothing to send requests to",
      ingress,
      { spec: { defaultBackend: null } },
      ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
    ],
    [
      "with a range that has more bits than its prefix",
      policy,
      { spec: { ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.1/8" } }] }] } },
      [
        'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
      ],
    ],
    [
      "with an exception outside of its range",
      policy,
      { spec: { ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }] }] } },
      [
        'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
      ],
    ],
    [
      "with a subject of an unknown kind",
      binding,
      { subjects: [{ kind: "Robot", name: "a" }] },
      ['subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"'],
    ],
    [
      "without verbs",
      role,
      { rules: [{ apiGroups: [""], resources: ["pods"] }] },
      ["rules[0].verbs: Required value: verbs must contain at least one value"],
    ],
    [
      "with fewer at most than at least",
      autoscaler,
      { spec: { minReplicas: 5 } },
      ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"],
    ],
    [
      "with both bounds",
      budget,
      { spec: { maxUnavailable: 1 } },
      [
        'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
      ],
    ],
    [
      "beyond the priority of users",
      priorityClass,
      { value: 1_000_000_001 },
      ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    ],
    [
      "of no duration",
      lease,
      { spec: { leaseDurationSeconds: 0 } },
      ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    ],
    [
      "with a loopback address",
      slice,
      { endpoints: [{ addresses: ["127.0.0.1"] }] },
      [
        'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      "of an unknown resource",
      quota,
      { spec: { hard: { apples: "1" } } },
      [
        'spec.hard[apples]: Invalid value: "apples": must be a standard resource type or fully qualified',
        'spec.hard[apples]: Invalid value: "apples": must be a standard resource for quota',
      ],
    ],
    [
      "in a namespace that it cannot have",
      namespace,
      { metadata: { namespace: "a" } },
      ["metadata.namespace: Forbidden: not allowed on this type"],
    ],
  ])("%s", (_name, base, change, errors) => {
    expect(createErrors(base, change)).toEqual(errors);
  });
});

describe("a change", () => {
  test.each<[string, Record<string, unknown>, unknown, unknown, string[]]>([
    [
      "of a Deployment's selector",
      deployment,
      {},
      {
        spec: { selector: { matchLabels: { tier: "b" } }, template: { metadata: { labels: { tier: "b" } } } },
      },
      ['spec.selector: Invalid value: {"matchLabels":{"app":"a","tier":"b"}}: field is immutable'],
    ],
    ["of a StatefulSet's service", statefulSet, {}, { spec: { serviceName: "b" } }, [statefulSetFields]],
    ["of a StatefulSet's replicas", statefulSet, {}, { spec: { replicas: 3 } }, []],
    [
      "of a Service's address",
      service,
      {},
      { spec: { clusterIP: "10.0.0.2", clusterIPs: ["10.0.0.2"] } },
      ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'],
    ],
    [
      "of an immutable ConfigMap",
      configMap,
      { immutable: true },
      { immutable: true, data: { a: "c" } },
      [`data: ${immutableWhenSet}`],
    ],
    [
      "of a Secret's type",
      secret,
      {},
      { type: "a.b/c" },
      ['type: Invalid value: "a.b/c": field is immutable'],
    ],
    [
      "to a smaller claim",
      claim,
      { status: { phase: "Bound", capacity: { storage: "1Gi" } } },
      { spec: { resources: { requests: { storage: "1Mi" } } }, status: { phase: "Bound" } },
      ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
    ],
    [
      "of a bound volume's source",
      volume,
      {},
      { spec: { hostPath: { path: "/b" } } },
      [
        'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n@@ -2,7 +2,7 @@\n  "GCEPersistentDisk": null,\n  "AWSElasticBlockStore": null,\n  "HostPath": {\n-  "Path": "/a",\n+  "Path": "/b",\n   "Type": ""\n  },\n  "Glusterfs": null,\n',
      ],
    ],
    [
      "of a binding's role",
      binding,
      {},
      { roleRef: { name: "b" } },
      [
        'roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"b"}: cannot change roleRef',
      ],
    ],
    [
      "of a class's parameters",
      storageClass,
      {},
      { parameters: { a: "c" } },
      ['parameters: Invalid value: {"a":"c"}: field is immutable'],
    ],
    [
      "of a priority",
      priorityClass,
      {},
      { value: 6 },
      ["value: Forbidden: may not be changed in an update."],
    ],
    [
      "of a node's range",
      node,
      {},
      { spec: { podCIDR: "10.1.0.0/24", podCIDRs: ["10.1.0.0/24"] } },
      ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
    ],
    [
      "of a Job's template",
      job,
      {},
      { spec: { template: { spec: { priority: 3 } } } },
      [expect.stringMatching(/^spec\.template: Invalid value: \{.*\}: field is immutable$/)],
    ],
    [
      "of a suspended Job's nodes",
      job,
      { spec: { suspend: true }, status: { conditions: [{ type: "Suspended", status: "True" }] } },
      { spec: { suspend: true, template: { spec: { nodeSelector: { a: "b" } } } } },
      [],
    ],
    [
      "that adds a finalizer to what is being deleted",
      configMap,
      { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } },
      { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["a.b/c"] } },
      [
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.b/c"}',
      ],
    ],
  ])("%s", (_name, base, before, after, errors) => {
    expect(updateErrors(base, before, after)).toEqual(errors);
  });

  test("of a status that counts more than there are", () => {
    expect(updateErrors(deployment, {}, { status: { replicas: 1, readyReplicas: 2 } }, "status")).toEqual([
      "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
    ]);
  });

  test("of a namespace's phase", () => {
    expect(updateErrors(namespace, {}, { status: { phase: "Terminating" } }, "status")).toEqual([
      "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
    ]);
  });
});

test.each<[string, Record<string, unknown>, unknown, string[]]>([
  ["nothing of a sound Service", service, {}, []],
  [
    "of PreferClose",
    service,
    { spec: { trafficDistribution: "PreferClose" } },
    ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
  ],
  [
    "of affinity without an address",
    service,
    { spec: { clusterIP: "None", clusterIPs: ["None"], sessionAffinity: "ClientIP" } },
    ["spec.SessionAffinity is ignored for headless services"],
  ],
  [
    "of Endpoints",
    { apiVersion: "v1", kind: "Endpoints", metadata },
    {},
    ["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"],
  ],
  [
    "of the old annotation of ingress classes",
    ingress,
    { metadata: { annotations: { "kubernetes.io/ingress.class": "a" } } },
    [`annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`],
  ],
])("warns %s", (_name, base, change, warnings) => {
  expect(warningsOf(base, change)).toEqual(warnings);
});

test.each([
  ["*/5 0-6,12 1 jan-mar mon", undefined],
  ["@hourly", undefined],
  ["@every 1h30m", undefined],
  ["@often", "unrecognized descriptor: @often"],
  ["60 * * * *", "end of range (60) above maximum (59): 60"],
  ["5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"],
  ["*/0 * * * *", "step of range should be a positive number: */0"],
  ["a * * * *", 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'],
])("the schedule %s", (schedule, error) => {
  expect(cronError(schedule)).toBe(error);
});

test.each([
  ["10.0.0.1", []],
  ["10.0.0.01", ["must not have leading 0s"]],
  ["::ffff:10.0.0.1", ["must not be an IPv4-mapped IPv6 address"]],
  ["10.0.0", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]],
])("the address %s", (address, details) => {
  const errors: Parameters<typeof checkIp>[2] = [];
  checkIp(address, "a", errors);
  expect(errors.map(({ detail }) => detail)).toEqual(details);
});

test.each([
  ["10.0.0.0/8", true],
  ["10.0.0.0/7", true],
  ["fd00::/8", true],
  ["fd00::1/64", false],
  ["10.1.0.0/8", false],
])("the range %s", (range, valid) => {
  expect(checkCidr(range, "a", [])).toBe(valid);
});
