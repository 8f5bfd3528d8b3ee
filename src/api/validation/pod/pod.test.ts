import { describe, expect, test } from "vitest";
import { createErrors, updateErrors, warningsOf } from "../testing/tables.ts";

const container = { name: "web", image: "nginx", imagePullPolicy: "Always" };
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default", uid: "u", resourceVersion: "1" },
  spec: { serviceAccountName: "default", containers: [container] },
};
const withContainer = (change: object): object => ({ spec: { containers: [{ ...container, ...change }] } });
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

describe("a new pod", () => {
  test.each<[string, unknown, string[]]>([
    ["as it should be", {}, []],
    ["without containers", { spec: { containers: [] } }, ["spec.containers: Required value"]],
    [
      "with a name in capitals",
      { metadata: { name: "Web" } },
      [`metadata.name: Invalid value: "Web": ${subdomain}`],
    ],
    [
      "without a name",
      { metadata: { name: null } },
      ["metadata.name: Required value: name or generateName is required"],
    ],
    ["without an image", withContainer({ image: "" }), ["spec.containers[0].image: Required value"]],
    [
      "with spaces around the image",
      withContainer({ image: " nginx" }),
      ['spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace'],
    ],
    [
      "with a container name in capitals",
      withContainer({ name: "Web" }),
      [`spec.containers[0].name: Invalid value: "Web": ${label}`],
    ],
    [
      "with two containers of one name",
      { spec: { containers: [container, container] } },
      ['spec.containers[1].name: Duplicate value: "web"'],
    ],
    [
      "with an unknown restart policy",
      { spec: { restartPolicy: "Sometimes" } },
      [
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
      ],
    ],
    [
      "with an unknown DNS policy",
      { spec: { dnsPolicy: "Any" } },
      [
        'spec.dnsPolicy: Unsupported value: "Any": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
      ],
    ],
    [
      "with a port out of range",
      withContainer({ ports: [{ containerPort: 70_000 }] }),
      [
        "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
      ],
    ],
    [
      "with an unknown protocol",
      withContainer({ ports: [{ containerPort: 80, protocol: "HTTP" }] }),
      [
        'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
      ],
    ],
    [
      "with a request above the limit",
      withContainer({ resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } }),
      [
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      ],
    ],
    [
      "with an unknown resource",
      withContainer({ resources: { requests: { gpu: "1" } } }),
      [
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      ],
    ],
    [
      "with a negative amount",
      withContainer({ resources: { requests: { memory: "-1" } } }),
      [
        'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      "with a mount of no volume",
      withContainer({ volumeMounts: [{ name: "data", mountPath: "/data" }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      "with two volumes of one name",
      {
        spec: {
          volumes: [
            { name: "a", emptyDir: {} },
            { name: "a", emptyDir: {} },
          ],
        },
      },
      ['spec.volumes[1].name: Duplicate value: "a"'],
    ],
    [
      "with a volume of two types",
      { spec: { volumes: [{ name: "a", emptyDir: {}, hostPath: { path: "/a" } }] } },
      ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ],
    [
      "with a host path that steps back",
      { spec: { volumes: [{ name: "a", hostPath: { path: "/a/../b" } }] } },
      ["spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"],
    ],
    [
      "with a probe without handler",
      withContainer({ livenessProbe: { periodSeconds: 5 } }),
      ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
    ],
    [
      "with a liveness probe that must succeed twice",
      withContainer({ livenessProbe: { exec: { command: ["true"] }, successThreshold: 2 } }),
      ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
    ],
    [
      "with a value and its source at once",
      withContainer({
        env: [{ name: "A", value: "b", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
      }),
      [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
      ],
    ],
    [
      "with a field that the downward API has not",
      withContainer({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.foo" } } }] }),
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo',
      ],
    ],
    [
      "with a name of an environment variable that has an equals sign",
      withContainer({ env: [{ name: "A=B", value: "1" }] }),
      [
        "spec.containers[0].env[0].name: Invalid value: \"A=B\": a valid environment variable name must consist only of printable ASCII characters other than '='",
      ],
    ],
    [
      "privileged without escalation",
      withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      [
        'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
    [
      "with a toleration that Kubernetes cannot match",
      { spec: { tolerations: [{ key: "a", operator: "Like", value: "b" }] } },
      ['spec.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"'],
    ],
    [
      "with a spread without skew",
      {
        spec: {
          topologySpreadConstraints: [
            { maxSkew: 0, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: {} },
          ],
        },
      },
      ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"],
    ],
    [
      "with node affinity that selects nothing",
      {
        spec: {
          affinity: {
            nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
          },
        },
      },
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
      ],
    ],
    [
      "with an ephemeral container",
      { spec: { ephemeralContainers: [{ name: "debug", image: "busybox" }] } },
      ["spec.ephemeralContainers: Forbidden: cannot be set on create"],
    ],
    [
      "with hooks on an init container",
      {
        spec: {
          initContainers: [
            { name: "init", image: "a", lifecycle: { preStop: { exec: { command: ["a"] } } } },
          ],
        },
      },
      [
        "spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always",
      ],
    ],
    [
      "with restart rules but no policy",
      withContainer({
        restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
      }),
      [
        "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
      ],
    ],
    [
      "with a user out of range",
      { spec: { securityContext: { runAsUser: -1 } } },
      ["spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    ],
    [
      "of the host's network with another host port",
      {
        spec: {
          hostNetwork: true,
          containers: [{ ...container, ports: [{ containerPort: 80, hostPort: 8080 }] }],
        },
      },
      [
        "spec.containers[0].ports[0].hostPort: Invalid value: 8080: must match `containerPort` when `hostNetwork` is true",
      ],
    ],
    [
      "with a finalizer of no domain",
      { metadata: { finalizers: ["mine"] } },
      [
        'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
    [
      "with a label that is none",
      { metadata: { labels: { app: "a b" } } },
      [
        "metadata.labels: Invalid value: \"a b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      ],
    ],
  ])("%s", (_name, change, errors) => {
    expect(createErrors(pod, change)).toEqual(errors);
  });
});

const notUpdatable =
  "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n";

describe("a change of a pod", () => {
  test.each<[string, unknown, unknown, string[]]>([
    ["of the image", {}, withContainer({ image: "nginx:2" }), []],
    ["of labels", {}, { metadata: { labels: { a: "b" } } }, []],
    [
      "of the name",
      {},
      { metadata: { name: "other" } },
      ['metadata.name: Invalid value: "other": field is immutable'],
    ],
    [
      "of the node",
      { spec: { nodeName: "a" } },
      { spec: { nodeName: "b" } },
      [
        `${notUpdatable}@@ -42,7 +42,7 @@\n  "NodeSelector": null,\n  "ServiceAccountName": "default",\n  "AutomountServiceAccountToken": null,\n- "NodeName": "a",\n+ "NodeName": "b",\n  "SecurityContext": {\n   "HostNetwork": false,\n   "HostPID": false,\n`,
      ],
    ],
    [
      "by a container more",
      {},
      { spec: { containers: [container, { name: "b", image: "b" }] } },
      ["spec.containers: Forbidden: pod updates may not add or remove containers"],
    ],
    [
      "to a later deadline",
      { spec: { activeDeadlineSeconds: 10 } },
      { spec: { activeDeadlineSeconds: 20 } },
      ["spec.activeDeadlineSeconds: Invalid value: 20: must be less than or equal to previous value"],
    ],
    [
      "without its toleration",
      { spec: { tolerations: [{ key: "a", operator: "Exists" }] } },
      {},
      ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
    ],
    ["by a toleration more", {}, { spec: { tolerations: [{ key: "a", operator: "Exists" }] } }, []],
    ["of a gate away", { spec: { schedulingGates: [{ name: "a.b/c" }] } }, {}, []],
    [
      "by a gate more",
      {},
      { spec: { schedulingGates: [{ name: "a.b/c" }] } },
      [
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a.b/c'",
      ],
    ],
    [
      "that narrows a gated pod's nodes",
      { spec: { schedulingGates: [{ name: "a.b/c" }], nodeSelector: { a: "b" } } },
      { spec: { schedulingGates: [{ name: "a.b/c" }], nodeSelector: { a: "b", c: "d" } } },
      [],
    ],
  ])("%s", (_name, before, after, errors) => {
    expect(updateErrors(pod, before, after)).toEqual(errors);
  });

  test("of the node through status", () => {
    expect(updateErrors(pod, { spec: { nodeName: "a" } }, { spec: { nodeName: "b" } }, "status")).toEqual([
      "status.nodeName: Forbidden: may not be changed directly",
    ]);
  });

  const burstable = withContainer({ resources: { requests: { cpu: "1" }, limits: { cpu: "2" } } });
  test.each<[string, unknown, unknown, string[]]>([
    [
      "more CPU",
      burstable,
      withContainer({ resources: { requests: { cpu: "1" }, limits: { cpu: "3" } } }),
      [],
    ],
    [
      "no request",
      burstable,
      withContainer({ resources: { requests: { memory: "1Gi" } } }),
      [
        "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
        "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
      ],
    ],
    [
      "another class of service",
      {},
      withContainer({ resources: { requests: { cpu: "1" } } }),
      ['spec: Invalid value: "": Pod QOS Class may not change as a result of resizing'],
    ],
  ])("resized to %s", (_name, before, after, errors) => {
    expect(updateErrors(pod, before, after, "resize")).toEqual(errors);
  });

  test("by a debug container", () => {
    const debug = { name: "debug", image: "busybox" };
    const withDebug = { spec: { ephemeralContainers: [debug] } };
    expect(updateErrors(pod, {}, withDebug, "ephemeralcontainers")).toEqual([]);
    expect(updateErrors(pod, withDebug, {}, "ephemeralcontainers")).toEqual([
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n',
    ]);
    const withPorts = { spec: { ephemeralContainers: [{ ...debug, ports: [{ containerPort: 1 }] }] } };
    expect(updateErrors(pod, {}, withPorts, "ephemeralcontainers")).toEqual([
      "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
    ]);
  });
});

describe("warnings of a pod", () => {
  test.each<[string, unknown, string[]]>([
    ["as it should be", {}, []],
    [
      "with a deprecated label",
      { spec: { nodeSelector: { "beta.kubernetes.io/os": "linux" } } },
      ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
    ],
    [
      "with a variable twice",
      withContainer({
        env: [
          { name: "A", value: "1" },
          { name: "A", value: "2" },
        ],
      }),
      ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
    ],
    [
      "with a port twice",
      withContainer({ ports: [{ containerPort: 80 }, { containerPort: 80 }] }),
      ["spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]"],
    ],
    [
      "with part of a byte",
      withContainer({ resources: { requests: { memory: "100m" } } }),
      [
        'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
      ],
    ],
  ])("%s", (_name, change, warnings) => {
    expect(warningsOf(pod, change)).toEqual(warnings);
  });
});
