/** Policies and webhooks of the sizes that people write, in numbers: what `admission` measures creations with. */
import type { WebhookReady } from "./webhook-process.ts";

export const registration = "/apis/admissionregistration.k8s.io/v1";

/** What is to be created at a path, in this order. */
export interface Configuration {
  readonly path: string;
  readonly body: object;
}

const configMaps = {
  apiGroups: [""],
  apiVersions: ["v1"],
  resources: ["configmaps"],
  operations: ["CREATE"],
};
const apiVersion = "admissionregistration.k8s.io/v1";

/** Concerned, but for what is in no request of the benchmark. */
export const excluding = [
  { name: "not-excluded", expression: "!object.metadata.name.startsWith('bench-')" },
  { name: "not-the-nodes", expression: "!('system:nodes' in request.userInfo.groups)" },
];

const policyKinds = {
  validating: ["validatingadmissionpolicies", "ValidatingAdmissionPolicy"],
  mutating: ["mutatingadmissionpolicies", "MutatingAdmissionPolicy"],
} as const;

function policy(kind: keyof typeof policyKinds, index: number, spec: object): Configuration[] {
  const [resource, kindName] = policyKinds[kind];
  const name = `${kind}-${index}.bench.example.com`;
  const actions = kind === "validating" ? { validationActions: ["Deny"] } : {};
  return [
    {
      path: `${registration}/${resource}`,
      body: { apiVersion, kind: kindName, metadata: { name }, spec },
    },
    {
      path: `${registration}/${resource.replace("policies", "policybindings")}`,
      body: {
        apiVersion,
        kind: `${kindName}Binding`,
        metadata: { name },
        spec: { policyName: name, ...actions },
      },
    },
  ];
}

/** Three expressions each, one with a variable. */
export const validatingPolicies = (count: number, matchConditions: object[] = []): Configuration[] =>
  Array.from({ length: count }, (_, index) =>
    policy("validating", index, {
      failurePolicy: "Fail",
      matchConstraints: { resourceRules: [configMaps] },
      matchConditions,
      variables: [{ name: "keys", expression: "object.data.map(k, k)" }],
      validations: [
        { expression: "variables.keys.size() < 100", message: "too many keys" },
        { expression: "object.metadata.name.size() <= 63" },
        { expression: `!has(object.metadata.labels) || !('no-${index}' in object.metadata.labels)` },
      ],
    }),
  ).flat();

/** One label each. */
export const mutatingPolicies = (count: number, matchConditions: object[] = []): Configuration[] =>
  Array.from({ length: count }, (_, index) =>
    policy("mutating", index, {
      failurePolicy: "Fail",
      reinvocationPolicy: "Never",
      matchConstraints: { resourceRules: [configMaps] },
      matchConditions,
      mutations: [
        {
          patchType: "ApplyConfiguration",
          applyConfiguration: {
            expression: `Object{metadata: Object.metadata{labels: {"mark-${index}": "on"}}}`,
          },
        },
      ],
    }),
  ).flat();

export function webhooks(
  kind: "validating" | "mutating",
  count: number,
  { ports, caBundle }: WebhookReady,
  matchConditions: object[] = [],
): Configuration[] {
  const kindName = kind === "validating" ? "ValidatingWebhookConfiguration" : "MutatingWebhookConfiguration";
  return Array.from({ length: count }, (_, index) => ({
    path: `${registration}/${kindName.toLowerCase()}s`,
    body: {
      apiVersion,
      kind: kindName,
      metadata: { name: `${kind}-${index}` },
      webhooks: [
        {
          name: `hook-${index}.bench.example.com`,
          admissionReviewVersions: ["v1"],
          sideEffects: "None",
          failurePolicy: "Fail",
          timeoutSeconds: 10,
          rules: [configMaps],
          matchConditions,
          clientConfig: { url: `https://127.0.0.1:${ports[index % ports.length]}/${kind}`, caBundle },
        },
      ],
    },
  }));
}
