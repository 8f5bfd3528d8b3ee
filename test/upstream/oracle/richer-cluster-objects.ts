/** As `richer-objects.ts`, of the kinds that are about the cluster itself. */
const selector = { matchExpressions: [{ key: "a", operator: "In", values: ["b"] }] };
const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] };
const match = { resourceRules: [{ ...rule, resourceNames: ["a"] }], namespaceSelector: selector };
const params = { apiVersion: "v1", kind: "ConfigMap" };
const paramRef = { name: "settings", parameterNotFoundAction: "Deny" };
const webhook = {
  name: "hook.example.com",
  admissionReviewVersions: ["v1"],
  sideEffects: "None",
  rules: [rule, { ...rule, resources: ["deployments/scale", "*/status"], scope: "Namespaced" }],
  namespaceSelector: selector,
  matchConditions: [{ name: "some", expression: "true" }],
};
const service = { namespace: "default", name: "hook", path: "/a/b" };
const webhooks = {
  webhooks: [
    { ...webhook, clientConfig: { service } },
    {
      ...webhook,
      name: "url.example.com",
      clientConfig: { url: "https://example.com/a" },
      failurePolicy: "Ignore",
    },
  ],
};
const devices = [
  {
    name: "d",
    attributes: { model: { string: "a" }, "example.com/version": { version: "1.0.0" }, big: { bool: true } },
    capacity: { memory: { value: "1Gi", requestPolicy: { default: "1Gi", validValues: ["1Gi"] } } },
    allowMultipleAllocations: true,
    taints: [{ key: "a", effect: "NoSchedule" }],
    consumesCounters: [{ counterSet: "set", counters: { a: { value: "1" } } }],
    bindingConditions: ["ready"],
    bindingFailureConditions: ["failed"],
  },
  {
    name: "e",
    capacity: {
      memory: {
        value: "8Gi",
        requestPolicy: { default: "1Gi", validRange: { min: "1Gi", max: "4Gi", step: "1Gi" } },
      },
    },
    allowMultipleAllocations: true,
  },
];
const claim = {
  devices: {
    requests: [
      {
        name: "one",
        exactly: {
          deviceClassName: "gpu",
          tolerations: [{ key: "a", operator: "Exists", effect: "NoExecute" }],
          capacity: { requests: { memory: "1Gi" } },
        },
      },
      {
        name: "two",
        firstAvailable: [
          { name: "big", deviceClassName: "gpu", allocationMode: "All" },
          { name: "small", deviceClassName: "gpu", count: 2 },
        ],
      },
    ],
    constraints: [{ requests: ["one", "two/big"], matchAttribute: "example.com/model" }],
    config: [{ requests: ["one"], opaque: { driver: "gpu.example.com", parameters: { a: 1 } } }],
  },
};
const device = { driver: "gpu.example.com", pool: "pool", device: "d" };
const claimStatus = {
  allocation: {
    devices: {
      results: [{ ...device, request: "one" }],
      config: [{ source: "FromClass", opaque: { driver: "gpu.example.com", parameters: {} } }],
    },
    nodeSelector: { nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "Exists" }] }] },
  },
  reservedFor: [{ resource: "pods", name: "web", uid: "1" }],
  devices: [
    {
      ...device,
      data: { a: 1 },
      networkData: { interfaceName: "eth0", ips: ["192.0.2.1/24"], hardwareAddress: "ea:9f:cb:40:b7:1d" },
    },
  ],
};
const slice = {
  driver: "gpu.example.com",
  pool: { name: "pool", generation: 1, resourceSliceCount: 1 },
};

export const richerClusterObjects: Readonly<
  Record<string, Readonly<Record<string, Record<string, unknown>>>>
> = {
  "resource.k8s.io/v1/ResourceSlice": {
    devices: { spec: { ...slice, nodeName: "one", devices } },
    counters: {
      spec: { ...slice, allNodes: true, sharedCounters: [{ name: "set", counters: { a: { value: "1" } } }] },
    },
    "per-device": {
      spec: {
        ...slice,
        perDeviceNodeSelection: true,
        devices: [
          { name: "d", nodeName: "one" },
          { name: "e", allNodes: true },
        ],
      },
    },
  },
  "resource.k8s.io/v1/ResourceClaim": { more: { spec: claim, status: claimStatus } },
  "resource.k8s.io/v1/ResourceClaimTemplate": {
    more: { spec: { metadata: { labels: { a: "b" } }, spec: claim } },
  },
  "resource.k8s.io/v1/DeviceClass": {
    more: {
      spec: {
        extendedResourceName: "example.com/gpu",
        config: [{ opaque: { driver: "gpu.example.com", parameters: { a: 1 } } }],
      },
    },
  },
  "flowcontrol.apiserver.k8s.io/v1/FlowSchema": {
    more: {
      spec: {
        priorityLevelConfiguration: { name: "global-default" },
        matchingPrecedence: 500,
        distinguisherMethod: { type: "ByUser" },
        rules: [
          {
            subjects: [
              { kind: "User", user: { name: "jane" } },
              { kind: "Group", group: { name: "dev" } },
            ],
            resourceRules: [{ verbs: ["get"], apiGroups: ["*"], resources: ["*"], namespaces: ["default"] }],
            nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["/healthz", "/a/*"] }],
          },
        ],
      },
    },
  },
  "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration": {
    queues: {
      spec: {
        type: "Limited",
        limited: {
          nominalConcurrencyShares: 10,
          limitResponse: { type: "Queue", queuing: { queues: 16, handSize: 4, queueLengthLimit: 50 } },
        },
      },
    },
  },
  "events.k8s.io/v1/Event": {
    series: {
      regarding: { namespace: "default", name: "web", kind: "Pod" },
      eventTime: "2026-01-01T00:00:00.000000Z",
      reportingController: "example.com/c",
      reportingInstance: "c-1",
      action: "Act",
      reason: "Because",
      type: "Normal",
      series: { count: 2, lastObservedTime: "2026-01-01T00:00:00.000000Z" },
    },
  },
  "storage.k8s.io/v1/CSIDriver": {
    more: {
      spec: {
        tokenRequests: [{ audience: "a", expirationSeconds: 3600 }],
        volumeLifecycleModes: ["Ephemeral"],
      },
    },
  },
  "storage.k8s.io/v1/CSINode": {
    more: {
      spec: {
        drivers: [
          { name: "csi.example.com", nodeID: "one", topologyKeys: ["a"], allocatable: { count: 1 } },
          { name: "b.example.com", nodeID: "one", topologyKeys: null },
        ],
      },
    },
  },
  "storage.k8s.io/v1/VolumeAttachment": {
    inline: {
      spec: {
        attacher: "csi.example.com",
        nodeName: "one",
        source: {
          inlineVolumeSpec: {
            accessModes: ["ReadWriteOnce"],
            csi: { driver: "csi.example.com", volumeHandle: "a" },
          },
        },
      },
    },
  },
  "node.k8s.io/v1/RuntimeClass": {
    more: {
      handler: "fast",
      overhead: { podFixed: { cpu: "1" } },
      scheduling: { nodeSelector: { a: "b" }, tolerations: [{ key: "a", operator: "Exists" }] },
    },
  },
  "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": { more: webhooks },
  "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": { more: webhooks },
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": {
    more: {
      spec: {
        paramKind: params,
        matchConstraints: match,
        matchConditions: [{ name: "some", expression: "true" }],
        variables: [{ name: "a", expression: "1" }],
        validations: [{ expression: "true", message: "no", reason: "Forbidden" }],
        auditAnnotations: [{ key: "a", valueExpression: "'b'" }],
      },
    },
  },
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": {
    more: { spec: { policyName: "policy", paramRef, matchResources: match, validationActions: ["Deny"] } },
  },
  "admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding": {
    more: { spec: { policyName: "policy", paramRef, matchResources: match } },
  },
};
