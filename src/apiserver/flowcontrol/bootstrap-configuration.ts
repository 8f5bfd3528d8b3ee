import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  QueuingConfiguration,
  ResourcePolicyRule,
  Subject,
} from "../../api/types/flowcontrol-v1.ts";

/**
 * The levels and schemas that every API server has (the facts of k8s.io/apiserver/…/flowcontrol/bootstrap). The mandatory
 * ones cannot be changed by anybody; the suggested ones are kept up to date until somebody edits them.
 */
export interface BootstrapConfiguration {
  readonly levels: readonly PriorityLevelConfiguration[];
  readonly schemas: readonly FlowSchema[];
}

export const exemptName = "exempt";
export const catchAllName = "catch-all";

const apiVersion = "flowcontrol.apiserver.k8s.io/v1";

interface LimitedLevel {
  readonly shares: number;
  readonly lendable: number;
  /** Absent where what exceeds the limit is refused at once. */
  readonly queuing?: QueuingConfiguration;
}

function limited(name: string, { shares, lendable, queuing }: LimitedLevel): PriorityLevelConfiguration {
  const limitResponse = queuing === undefined ? { type: "Reject" } : { type: "Queue", queuing };
  return {
    apiVersion,
    kind: "PriorityLevelConfiguration",
    metadata: { name },
    spec: {
      type: "Limited",
      limited: { nominalConcurrencyShares: shares, lendablePercent: lendable, limitResponse },
    },
  };
}

const queues = (count: number, handSize: number): QueuingConfiguration => ({
  queues: count,
  handSize,
  queueLengthLimit: 50,
});

const exemptLevel: PriorityLevelConfiguration = {
  apiVersion,
  kind: "PriorityLevelConfiguration",
  metadata: { name: exemptName },
  spec: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
};

interface SchemaFacts {
  readonly level: string;
  readonly precedence: number;
  readonly by?: "ByUser" | "ByNamespace";
  readonly rules: PolicyRulesWithSubjects;
}

function schema(name: string, { level, precedence, by, rules }: SchemaFacts): FlowSchema {
  return {
    apiVersion,
    kind: "FlowSchema",
    metadata: { name },
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence: precedence,
      ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
      rules: [rules],
    },
  };
}

const groups = (...names: string[]): Subject[] => names.map((name) => ({ kind: "Group", group: { name } }));
const users = (...names: string[]): Subject[] => names.map((name) => ({ kind: "User", user: { name } }));
const systemAccounts = (...names: string[]): Subject[] =>
  names.map((name) => ({ kind: "ServiceAccount", serviceAccount: { namespace: "kube-system", name } }));

const everything = (subjects: Subject[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [
    { verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] },
  ],
  nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
});

const everybody = (): Subject[] => groups("system:unauthenticated", "system:authenticated");

function inNamespaces(apiGroup: string, resources: string[]): ResourcePolicyRule {
  return { verbs: ["get", "create", "update"], apiGroups: [apiGroup], resources, namespaces: ["*"] };
}

const leases = inNamespaces("coordination.k8s.io", ["leases"]);

export const mandatoryConfiguration: BootstrapConfiguration = {
  levels: [limited(catchAllName, { shares: 5, lendable: 0 }), exemptLevel],
  schemas: [
    schema(exemptName, { level: exemptName, precedence: 1, rules: everything(groups("system:masters")) }),
    schema(catchAllName, {
      level: catchAllName,
      precedence: 10_000,
      by: "ByUser",
      rules: everything(everybody()),
    }),
  ],
};

export const suggestedConfiguration: BootstrapConfiguration = {
  levels: [
    limited("system", { shares: 30, lendable: 33, queuing: queues(64, 6) }),
    limited("node-high", { shares: 40, lendable: 25, queuing: queues(64, 6) }),
    limited("leader-election", { shares: 10, lendable: 0, queuing: queues(16, 4) }),
    limited("workload-high", { shares: 40, lendable: 50, queuing: queues(128, 6) }),
    limited("workload-low", { shares: 100, lendable: 90, queuing: queues(128, 6) }),
    limited("global-default", { shares: 20, lendable: 50, queuing: queues(128, 6) }),
  ],
  schemas: [
    schema("probes", {
      level: exemptName,
      precedence: 2,
      rules: {
        subjects: everybody(),
        nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
      },
    }),
    schema("system-leader-election", {
      level: "leader-election",
      precedence: 100,
      by: "ByUser",
      rules: {
        subjects: [
          ...users("system:kube-controller-manager", "system:kube-scheduler"),
          ...systemAccounts("*"),
        ],
        resourceRules: [leases],
      },
    }),
    schema("endpoint-controller", {
      level: "workload-high",
      precedence: 150,
      by: "ByUser",
      rules: {
        subjects: [
          ...users("system:kube-controller-manager"),
          ...systemAccounts("endpoint-controller", "endpointslicemirroring-controller"),
        ],
        resourceRules: [inNamespaces("", ["endpoints"])],
      },
    }),
    schema("workload-leader-election", {
      level: "leader-election",
      precedence: 200,
      by: "ByUser",
      rules: {
        subjects: systemAccounts("*"),
        resourceRules: [inNamespaces("", ["endpoints", "configmaps"]), leases],
      },
    }),
    schema("system-node-high", {
      level: "node-high",
      precedence: 400,
      by: "ByUser",
      rules: {
        subjects: groups("system:nodes"),
        resourceRules: [
          {
            verbs: ["*"],
            apiGroups: [""],
            resources: ["nodes", "nodes/status"],
            clusterScope: true,
            namespaces: ["*"],
          },
          { verbs: ["*"], apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: ["*"] },
        ],
      },
    }),
    schema("system-nodes", {
      level: "system",
      precedence: 500,
      by: "ByUser",
      rules: everything(groups("system:nodes")),
    }),
    schema("kube-controller-manager", {
      level: "workload-high",
      precedence: 800,
      by: "ByNamespace",
      rules: everything(users("system:kube-controller-manager")),
    }),
    schema("kube-scheduler", {
      level: "workload-high",
      precedence: 800,
      by: "ByNamespace",
      rules: everything(users("system:kube-scheduler")),
    }),
    schema("kube-system-service-accounts", {
      level: "workload-high",
      precedence: 900,
      by: "ByNamespace",
      rules: everything(systemAccounts("*")),
    }),
    schema("service-accounts", {
      level: "workload-low",
      precedence: 9_000,
      by: "ByUser",
      rules: everything(groups("system:serviceaccounts")),
    }),
    schema("global-default", {
      level: "global-default",
      precedence: 9_900,
      by: "ByUser",
      rules: everything(everybody()),
    }),
  ],
};
