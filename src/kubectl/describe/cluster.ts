import type {
  ConfigMap,
  LimitRange,
  Namespace,
  Node,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from "../../api/types/core-v1.ts";
import type { PriorityClass } from "../../api/types/scheduling-v1.ts";
import { tryParseQuantity } from "../../apimachinery/quantity.ts";
import { isForbidden } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { plainText } from "../errors.ts";
import { formatLabels } from "../printers/table.ts";
import { type DescribeContext, type Describer, describeEvents } from "./context.ts";
import { type Description, rfc1123 } from "./description.ts";
import { type Amounts, add, amountsOf, podAmounts, share } from "./resource-amounts.ts";

export const describeNode: Describer = async (d, object, context) => {
  const node = object as unknown as Node;
  const { metadata, spec, status } = node;
  const name = metadata.name ?? "";
  const events = await context.eventsAbout(node);
  const byName = await context.eventsAbout(node, { uid: name });
  d.field("Name", name).field("Roles", nodeRoles(node));
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.field("CreationTimestamp", rfc1123(metadata.creationTimestamp));
  const taints = (spec?.taints ?? [])
    .toSorted((a, b) => (`${a.effect},${a.key}` < `${b.effect},${b.key}` ? -1 : 1))
    .map(
      ({ key, value = "", effect }) =>
        `${key}${value === "" ? "" : `=${value}`}${effect === undefined ? "" : `:${effect}`}`,
    );
  d.several("Taints", taints).field("Unschedulable", spec?.unschedulable === true);
  await describeLease(d, name, context);
  const conditions = status?.conditions ?? [];
  if (conditions.length > 0) {
    d.line(0, "Conditions:");
    d.row(1, "Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message");
    d.row(1, "----", "------", "-----------------", "------------------", "------", "-------");
  }
  for (const { type, status: holds, lastHeartbeatTime, lastTransitionTime, reason, message } of conditions) {
    d.row(
      1,
      `${type} `,
      `${holds} `,
      `${rfc1123(lastHeartbeatTime)} `,
      `${rfc1123(lastTransitionTime)} `,
      `${reason ?? ""} `,
      message,
    );
  }
  d.line(0, "Addresses:");
  for (const { type, address } of status?.addresses ?? []) d.field(type, address, 1);
  for (const [label, amounts] of [
    ["Capacity", status?.capacity],
    ["Allocatable", status?.allocatable],
  ] as const) {
    const names = Object.keys(amounts ?? {}).sort();
    if (names.length > 0) d.line(0, `${label}:`);
    for (const resource of names) d.field(resource, amounts?.[resource], 1);
  }
  describeSystem(d, node);
  await describeNodePods(d, node, context);
  describeEvents(d, events === undefined ? undefined : [...events, ...(byName ?? [])]);
};

function nodeRoles({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith("node-role.kubernetes.io/")) return [key.slice("node-role.kubernetes.io/".length)];
    return key === "kubernetes.io/role" ? [value] : [];
  });
  const named = [...new Set(roles.filter((role) => role !== ""))].sort();
  return named.length === 0 ? "<none>" : named.join(",");
}

async function describeLease(d: Description, name: string, context: DescribeContext): Promise<void> {
  try {
    const { spec } = await context.get(resources.leases, "kube-node-lease", name);
    d.line(0, "Lease:").field("HolderIdentity", spec?.holderIdentity ?? "<unset>", 1);
    d.field("AcquireTime", spec?.acquireTime === undefined ? "<unset>" : rfc1123(spec.acquireTime), 1);
    d.field("RenewTime", spec?.renewTime === undefined ? "<unset>" : rfc1123(spec.renewTime), 1);
  } catch (error) {
    d.field("Lease", `Failed to get lease: ${plainText(error)}`);
  }
}

function describeSystem(d: Description, { spec, status }: Node): void {
  const info = status?.nodeInfo;
  d.line(0, "System Info:");
  d.field("Machine ID", info?.machineID, 1)
    .field("System UUID", info?.systemUUID, 1)
    .field("Boot ID", info?.bootID, 1);
  d.field("Kernel Version", info?.kernelVersion, 1).field("OS Image", info?.osImage, 1);
  d.field("Operating System", info?.operatingSystem, 1).field("Architecture", info?.architecture, 1);
  d.field("Container Runtime Version", info?.containerRuntimeVersion, 1);
  d.field("Kubelet Version", info?.kubeletVersion, 1);
  // Kubelets before 1.31 still tell the version of a kube-proxy; the field is printed as clients know it.
  d.field("Kube-Proxy Version", info?.kubeProxyVersion ?? "", 1);
  if ((spec?.podCIDR ?? "") !== "") d.field("PodCIDR", spec?.podCIDR);
  if ((spec?.podCIDRs ?? []).length > 0) d.field("PodCIDRs", spec?.podCIDRs?.join(","));
  if ((spec?.providerID ?? "") !== "") d.field("ProviderID", spec?.providerID);
}

async function describeNodePods(d: Description, node: Node, context: DescribeContext): Promise<void> {
  const fieldSelector = `spec.nodeName=${node.metadata.name},status.phase!=Succeeded,status.phase!=Failed`;
  const pods = await context.list(resources.pods, undefined, { fieldSelector }).catch((error: unknown) => {
    if (isForbidden(error)) return undefined;
    throw error;
  });
  if (pods === undefined) {
    d.field("Pods", "not authorized");
    return;
  }
  const whole = amountsOf({ ...node.status?.capacity, ...node.status?.allocatable });
  d.field("Non-terminated Pods", `(${pods.length} in total)`);
  d.row(1, "Namespace", "Name", "", "CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age");
  d.row(1, "---------", "----", "", "------------", "----------", "---------------", "-------------", "---");
  const totals = { requests: new Map() as Amounts, limits: new Map() as Amounts };
  for (const pod of pods) {
    const [requests, limits] = [podAmounts(pod, "requests"), podAmounts(pod, "limits")];
    add(totals.requests, requests);
    add(totals.limits, limits);
    const cpu = [requests, limits].map((amounts) => share(amounts.get("cpu"), whole.get("cpu"), true));
    const memory = [requests, limits].map((amounts) => share(amounts.get("memory"), whole.get("memory")));
    d.row(
      1,
      pod.metadata.namespace,
      pod.metadata.name,
      "",
      ...cpu,
      ...memory,
      d.since(pod.metadata.creationTimestamp),
    );
  }
  d.line(0, "Allocated resources:").line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)");
  d.row(1, "Resource", "Requests", "Limits").row(1, "--------", "--------", "------");
  for (const name of ["cpu", "memory", "ephemeral-storage"]) {
    const texts = [totals.requests, totals.limits].map((amounts) =>
      share(amounts.get(name), whole.get(name), name === "cpu"),
    );
    d.row(1, name, ...texts);
  }
  const known = new Set(["cpu", "memory", "ephemeral-storage", "pods"]);
  const others = [...whole.keys()].filter((name) => !known.has(name)).sort();
  for (const name of others.filter((other) => other.startsWith("hugepages-"))) {
    d.row(
      1,
      name,
      share(totals.requests.get(name), whole.get(name)),
      share(totals.limits.get(name), whole.get(name)),
    );
  }
  for (const name of others.filter((other) => !other.startsWith("hugepages-"))) {
    d.row(1, name, totals.requests.get(name) ?? "0", totals.limits.get(name) ?? "0");
  }
}

export const describeNamespace: Describer = async (d, object, context) => {
  const { metadata, status } = object as unknown as Namespace;
  const quotas = await context.list(resources.resourcequotas, metadata.name);
  const ranges = await context.list(resources.limitranges, metadata.name);
  d.field("Name", metadata.name)
    .labels("Labels", metadata.labels)
    .annotations("Annotations", metadata.annotations);
  d.field("Status", status?.phase);
  const conditions = status?.conditions ?? [];
  if (conditions.length > 0) {
    d.line(0, "Conditions:").row(1, "Type", "Status", "LastTransitionTime", "Reason", "Message");
    d.row(1, "----", "------", "------------------", "------", "-------");
  }
  for (const { type, status: holds, lastTransitionTime, reason, message } of conditions) {
    d.row(1, type, holds, rfc1123(lastTransitionTime), reason, message);
  }
  d.line(0, "");
  if (quotas.length === 0) d.line(0, "No resource quota.");
  else d.line(0, "Resource Quotas");
  for (const quota of quotas.toSorted((a, b) =>
    (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1,
  )) {
    d.field("Name", quota.metadata.name, 1);
    describeScopes(d, quota, 1, "* ");
    d.row(1, "Resource", "Used", "Hard").row(1, "--------", "---", "---");
    describeHard(d, quota, 1);
  }
  d.line(0, "");
  if (ranges.length === 0) {
    d.line(0, "No LimitRange resource.");
    return;
  }
  d.line(0, "Resource Limits");
  describeLimits(d, ranges, " ");
};

const scopeHelp: Readonly<Record<string, string>> = {
  Terminating:
    "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system.",
  NotTerminating:
    "Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate.",
  BestEffort:
    "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.",
  NotBestEffort:
    "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service.",
};

function describeScopes(d: Description, { spec }: ResourceQuota, level: number, bullet: string): void {
  const scopes = [...(spec?.scopes ?? [])].sort();
  if (scopes.length > 0) d.field("Scopes", scopes.join(", "), level);
  for (const scope of scopes)
    if (scopeHelp[scope] !== undefined) d.line(level, `${bullet}${scopeHelp[scope]}`);
}

function describeHard(d: Description, { status }: ResourceQuota, level: number): void {
  for (const name of Object.keys(status?.hard ?? {}).sort()) {
    const used = tryParseQuantity(status?.used?.[name]) ?? "0";
    d.row(level, name, used, tryParseQuantity(status?.hard?.[name]));
  }
}

export const describeResourceQuota: Describer = (d, object) => {
  const quota = object as unknown as ResourceQuota;
  d.field("Name", quota.metadata.name).field("Namespace", quota.metadata.namespace);
  describeScopes(d, quota, 0, " * ");
  d.row(0, "Resource", "Used", "Hard").row(0, "--------", "----", "----");
  describeHard(d, quota, 0);
};

export const describeLimitRange: Describer = (d, object) => {
  const range = object as unknown as LimitRange;
  d.field("Name", range.metadata.name).field("Namespace", range.metadata.namespace);
  describeLimits(d, [range], "");
};

function describeLimits(d: Description, ranges: readonly LimitRange[], indent: string): void {
  d.row(
    0,
    `${indent}Type`,
    "Resource",
    "Min",
    "Max",
    "Default Request",
    "Default Limit",
    "Max Limit/Request Ratio",
  );
  d.row(
    0,
    `${indent}----`,
    "--------",
    "---",
    "---",
    "---------------",
    "-------------",
    "-----------------------",
  );
  for (const limit of ranges.flatMap(({ spec }) => spec?.limits ?? [])) {
    const groups = [limit.min, limit.max, limit.defaultRequest, limit.default, limit.maxLimitRequestRatio];
    const names = new Set(groups.flatMap((group) => Object.keys(group ?? {})));
    for (const name of [...names].sort()) {
      d.row(0, `${indent}${limit.type}`, name, ...groups.map((group) => group?.[name] ?? "-"));
    }
  }
}

export const describeServiceAccount: Describer = async (d, object, context) => {
  const account = object as unknown as ServiceAccount;
  const { metadata, imagePullSecrets = [], secrets = [] } = account;
  const events = await context.eventsAbout(account);
  const tokens = await context
    .list(resources.secrets, metadata.namespace, {
      fieldSelector: "type=kubernetes.io/service-account-token",
    })
    .catch(() => []);
  const own = tokens.filter(
    (token) =>
      token.metadata.annotations?.["kubernetes.io/service-account.name"] === metadata.name &&
      token.metadata.annotations?.["kubernetes.io/service-account.uid"] === metadata.uid,
  );
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  const indent = " ".repeat("Image pull secrets:".length);
  d.several(
    "Image pull secrets",
    imagePullSecrets.map(({ name }) => name ?? ""),
    indent,
  );
  d.several(
    "Mountable secrets",
    secrets.map(({ name }) => name ?? ""),
    indent,
  );
  d.several(
    "Tokens",
    own.map((token) => token.metadata.name ?? ""),
    indent,
  );
  describeEvents(d, events);
};

export const describeSecret: Describer = (d, object) => {
  const { metadata, type, data = {} } = object as unknown as Secret;
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.line(0, "").field("Type", type).line(0, "").line(0, "Data").line(0, "====");
  for (const key of Object.keys(data).sort()) {
    const value = Buffer.from(data[key] ?? "", "base64");
    const isToken = key === "token" && type === "kubernetes.io/service-account-token";
    d.field(key, isToken ? value.toString() : `${value.length} bytes`);
  }
};

export const describeConfigMap: Describer = async (d, object, context) => {
  const map = object as unknown as ConfigMap;
  const { metadata, data = {}, binaryData = {} } = map;
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.line(0, "").line(0, "Data").line(0, "====");
  for (const key of Object.keys(data).sort())
    d.line(0, `${key}:`)
      .line(0, "----")
      .line(0, data[key] ?? "")
      .line(0, "");
  d.line(0, "").line(0, "BinaryData").line(0, "====");
  for (const key of Object.keys(binaryData).sort()) {
    d.line(0, `${key}: ${Buffer.from(binaryData[key] ?? "", "base64").length} bytes`);
  }
  d.line(0, "");
  describeEvents(d, await context.eventsAbout(map));
};

export const describePriorityClass: Describer = async (d, object, context) => {
  const priority = object as unknown as PriorityClass;
  const events = await context.eventsAbout(priority);
  d.field("Name", priority.metadata.name).field("Value", priority.value);
  d.field("GlobalDefault", priority.globalDefault === true);
  d.field("PreemptionPolicy", priority.preemptionPolicy ?? "PreemptLowerPriority");
  d.field("Description", priority.description).field(
    "Annotations",
    formatLabels(priority.metadata.annotations),
  );
  describeEvents(d, events);
};
