import { formatGroupResource } from "../../apimachinery/gvk.ts";
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "../types/admissionregistration-v1.ts";
import type { APIService } from "../types/apiregistration-v1.ts";
import type { CertificateSigningRequest } from "../types/certificates-v1.ts";
import type { Lease } from "../types/coordination-v1.ts";
import type { EndpointSlice } from "../types/discovery-v1.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../types/flowcontrol-v1.ts";
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from "../types/networking-v1.ts";
import type { RuntimeClass } from "../types/node-v1.ts";
import type { ClusterRoleBinding, RoleBinding, Subject } from "../types/rbac-v1.ts";
import type {
  DeviceClass,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from "../types/resource-v1.ts";
import type { PriorityClass } from "../types/scheduling-v1.ts";
import type {
  CSIDriver,
  CSINode,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "../types/storage-v1.ts";
import {
  age,
  ageColumn,
  boolean,
  firstThree,
  formatSelector,
  integer,
  nameColumn,
  printer,
  text,
  wide,
} from "./column.ts";
import { humanDuration } from "./duration.ts";

/** Mirrors pkg/printers/internalversion/printers.go for the smaller groups. */
function ingressHosts({ spec }: Ingress): string {
  const rules = spec.rules ?? [];
  const hosts: string[] = [];
  let more = false;
  for (const { host } of rules) {
    if (hosts.length === 3) more = true;
    else if (host) hosts.push(host);
  }
  if (hosts.length === 0) return "*";
  return hosts.join(",") + (more ? ` + ${rules.length - 3} more...` : "");
}

function ingressAddress({ status }: Ingress): string {
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "");
  return [...new Set(addresses)]
    .filter((address) => address !== "")
    .toSorted()
    .join(",");
}

export const ingressPrinter = printer<Ingress>(
  [
    nameColumn,
    text("Class", "The class that the ingress belongs to."),
    text("Hosts", "The hosts that requests are routed for."),
    text("Address", "The addresses that requests arrive at."),
    text("Ports", "The ports that are open."),
    ageColumn,
  ],
  (ingress, nowMs) => [
    ingress.metadata.name,
    ingress.spec.ingressClassName ?? "<none>",
    ingressHosts(ingress),
    ingressAddress(ingress),
    (ingress.spec.tls ?? []).length > 0 ? "80, 443" : "80",
    age(ingress, nowMs),
  ],
);

export const ingressClassPrinter = printer<IngressClass>(
  [
    nameColumn,
    text("Controller", "Who handles ingresses of the class."),
    text("Parameters", "The object that holds parameters of the class."),
    ageColumn,
  ],
  (ingressClass, nowMs) => {
    const parameters = ingressClass.spec?.parameters;
    const group = parameters?.apiGroup === undefined ? "" : `.${parameters.apiGroup}`;
    return [
      ingressClass.metadata.name,
      ingressClass.spec?.controller ?? "",
      parameters === undefined ? "<none>" : `${parameters.kind}${group}/${parameters.name}`,
      age(ingressClass, nowMs),
    ];
  },
);

export const networkPolicyPrinter = printer<NetworkPolicy>(
  [nameColumn, text("Pod-Selector", "Which pods the policy is for, by their labels."), ageColumn],
  (policy, nowMs) => [
    policy.metadata.name,
    formatSelector(policy.spec?.podSelector ?? {}),
    age(policy, nowMs),
  ],
);

export const serviceCidrPrinter = printer<ServiceCIDR>(
  [nameColumn, text("CIDRs", "The ranges that addresses of services are taken from."), ageColumn],
  (range, nowMs) => [range.metadata.name, (range.spec?.cidrs ?? []).join(","), age(range, nowMs)],
);

export const ipAddressPrinter = printer<IPAddress>(
  [nameColumn, text("ParentRef", "The object that the address is given to.")],
  (address) => {
    const parent = address.spec?.parentRef;
    const resource = formatGroupResource({ group: parent?.group ?? "", resource: parent?.resource ?? "" });
    const namespace = parent?.namespace ? `/${parent.namespace}` : "";
    return [
      address.metadata.name,
      parent === undefined ? "<none>" : `${resource.toLowerCase()}${namespace}/${parent.name}`,
    ];
  },
);

export const endpointSlicePrinter = printer<EndpointSlice>(
  [
    nameColumn,
    text("AddressType", "What kind of addresses the slice holds."),
    text("Ports", "The ports that are served at each address."),
    text("Endpoints", "The addresses that serve."),
    ageColumn,
  ],
  (slice, nowMs) => [
    slice.metadata.name,
    slice.addressType,
    firstThree(
      (slice.ports ?? []).map(({ port, name }) => (port === undefined ? (name ?? "*") : String(port))),
      "<unset>",
    ),
    firstThree(
      (slice.endpoints ?? []).flatMap(({ addresses }) => addresses ?? []),
      "<unset>",
    ),
    age(slice, nowMs),
  ],
);

function subjectCells(subjects: readonly Subject[] | undefined): string[] {
  const of = (wanted: string, format: (subject: Subject) => string): string =>
    (subjects ?? [])
      .filter(({ kind }) => kind === wanted)
      .map(format)
      .join(", ");
  return [
    of("User", ({ name }) => name),
    of("Group", ({ name }) => name),
    of("ServiceAccount", ({ namespace, name }) => `${namespace ?? ""}/${name}`),
  ];
}

export const roleBindingPrinter = printer<RoleBinding | ClusterRoleBinding>(
  [
    nameColumn,
    text("Role", "The role that is granted."),
    ageColumn,
    wide(text("Users", "The users that the role is granted to.")),
    wide(text("Groups", "The groups that the role is granted to.")),
    wide(text("ServiceAccounts", "The service accounts that the role is granted to.")),
  ],
  (binding, nowMs) => [
    binding.metadata.name,
    `${binding.roleRef.kind}/${binding.roleRef.name}`,
    age(binding, nowMs),
    ...subjectCells(binding.subjects),
  ],
);

function requestCondition({ status }: CertificateSigningRequest): string {
  const has = (wanted: string): boolean => (status?.conditions ?? []).some(({ type }) => type === wanted);
  const verdict = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  return `${verdict}${has("Failed") ? ",Failed" : ""}${status?.certificate ? ",Issued" : ""}`;
}

export const certificateSigningRequestPrinter = printer<CertificateSigningRequest>(
  [
    nameColumn,
    ageColumn,
    text("SignerName", "Who is asked to sign."),
    text("Requestor", "Who asks."),
    text("RequestedDuration", "For how long the certificate should be valid."),
    text("Condition", "What has become of the request."),
  ],
  (request, nowMs) => [
    request.metadata.name,
    age(request, nowMs),
    request.spec.signerName || "<none>",
    request.spec.username ?? "",
    request.spec.expirationSeconds === undefined
      ? "<none>"
      : humanDuration(request.spec.expirationSeconds * 1000),
    requestCondition(request),
  ],
);

export const leasePrinter = printer<Lease>(
  [nameColumn, text("Holder", "Who holds the lease."), ageColumn],
  (lease, nowMs) => [lease.metadata.name, lease.spec?.holderIdentity ?? "", age(lease, nowMs)],
);

const defaultClassAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

export const storageClassPrinter = printer<StorageClass>(
  [
    nameColumn,
    text("Provisioner", "Who makes volumes of the class."),
    text("ReclaimPolicy", "What becomes of volumes that are released."),
    text("VolumeBindingMode", "When volumes are made and bound."),
    text("AllowVolumeExpansion", "Whether volumes may grow."),
    ageColumn,
  ],
  (storageClass, nowMs) => {
    const isDefault = defaultClassAnnotations.some(
      (name) => storageClass.metadata.annotations?.[name] === "true",
    );
    return [
      `${storageClass.metadata.name ?? ""}${isDefault ? " (default)" : ""}`,
      storageClass.provisioner,
      storageClass.reclaimPolicy ?? "Delete",
      storageClass.volumeBindingMode ?? "Immediate",
      storageClass.allowVolumeExpansion ?? false,
      age(storageClass, nowMs),
    ];
  },
);

export const volumeAttributesClassPrinter = printer<VolumeAttributesClass>(
  [nameColumn, text("DriverName", "The driver that the class is for."), ageColumn],
  (attributes, nowMs) => [attributes.metadata.name, attributes.driverName, age(attributes, nowMs)],
);

export const volumeAttachmentPrinter = printer<VolumeAttachment>(
  [
    nameColumn,
    { ...text("Attacher", "Who attaches the volume."), format: "name" },
    text("PV", "The volume that is attached."),
    text("Node", "The node that the volume is attached to."),
    boolean("Attached", "Whether the volume is attached."),
    ageColumn,
  ],
  (attachment, nowMs) => [
    attachment.metadata.name,
    attachment.spec.attacher,
    attachment.spec.source?.persistentVolumeName ?? "",
    attachment.spec.nodeName,
    attachment.status?.attached ?? false,
    age(attachment, nowMs),
  ],
);

export const csiNodePrinter = printer<CSINode>(
  [nameColumn, integer("Drivers", "How many drivers are registered on the node."), ageColumn],
  (node, nowMs) => [node.metadata.name, node.spec?.drivers?.length ?? 0, age(node, nowMs)],
);

export const csiDriverPrinter = printer<CSIDriver>(
  [
    nameColumn,
    boolean("AttachRequired", "Whether volumes are attached before they are mounted."),
    boolean("PodInfoOnMount", "Whether the driver is told of the pod."),
    boolean("StorageCapacity", "Whether the scheduler looks at the driver's capacity."),
    text("TokenRequests", "The audiences of tokens that the driver is given."),
    boolean("RequiresRepublish", "Whether the driver is called again and again."),
    text("Modes", "The lifecycles of volumes that the driver knows."),
    ageColumn,
  ],
  (driver, nowMs) => [
    driver.metadata.name,
    driver.spec.attachRequired ?? true,
    driver.spec.podInfoOnMount ?? false,
    driver.spec.storageCapacity ?? false,
    driver.spec.tokenRequests?.map(({ audience }) => audience).join(",") ?? "<unset>",
    driver.spec.requiresRepublish ?? false,
    (driver.spec.volumeLifecycleModes ?? []).join(",") || "<none>",
    age(driver, nowMs),
  ],
);

export const priorityClassPrinter = printer<PriorityClass>(
  [
    nameColumn,
    integer("Value", "The priority of pods of the class."),
    boolean("Global-Default", "Whether pods that name no class belong to this one."),
    ageColumn,
    text("PreemptionPolicy", "Whether pods of the class make room by evicting others."),
  ],
  (priorityClass, nowMs) => [
    priorityClass.metadata.name,
    priorityClass.value,
    priorityClass.globalDefault ?? false,
    age(priorityClass, nowMs),
    priorityClass.preemptionPolicy ?? "",
  ],
);

export const runtimeClassPrinter = printer<RuntimeClass>(
  [nameColumn, text("Handler", "The configuration of the container runtime."), ageColumn],
  (runtimeClass, nowMs) => [runtimeClass.metadata.name, runtimeClass.handler, age(runtimeClass, nowMs)],
);

export const flowSchemaPrinter = printer<FlowSchema>(
  [
    nameColumn,
    text("PriorityLevel", "The priority level of requests that match."),
    text("MatchingPrecedence", "The order among schemas that match; the least number wins."),
    text("DistinguisherMethod", "What tells flows apart."),
    ageColumn,
    text("MissingPL", "Whether the priority level is missing."),
  ],
  (schema, nowMs) => [
    schema.metadata.name,
    schema.spec.priorityLevelConfiguration?.name ?? "",
    schema.spec.matchingPrecedence ?? 0,
    schema.spec.distinguisherMethod?.type ?? "<none>",
    age(schema, nowMs),
    schema.status?.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?",
  ],
);

export const priorityLevelPrinter = printer<PriorityLevelConfiguration>(
  [
    nameColumn,
    text("Type", "Limited or Exempt."),
    text("NominalConcurrencyShares", "The share of concurrent requests."),
    text("Queues", "How many queues there are."),
    text("HandSize", "Over how many queues one flow is spread."),
    text("QueueLengthLimit", "How long a queue may grow."),
    ageColumn,
  ],
  (level, nowMs) => {
    const { limited, type } = level.spec;
    const queuing = limited?.limitResponse?.queuing;
    return [
      level.metadata.name,
      type,
      limited === undefined ? "<none>" : (limited.nominalConcurrencyShares ?? 0),
      queuing === undefined ? "<none>" : (queuing.queues ?? 0),
      queuing === undefined ? "<none>" : (queuing.handSize ?? 0),
      queuing === undefined ? "<none>" : (queuing.queueLengthLimit ?? 0),
      age(level, nowMs),
    ];
  },
);

export const nameAndAgePrinter = printer<DeviceClass | ResourceClaimTemplate>(
  [nameColumn, ageColumn],
  (object, nowMs) => [object.metadata.name, age(object, nowMs)],
);

function claimState({ metadata, status }: ResourceClaim): string {
  const isDeleted = metadata.deletionTimestamp !== undefined;
  const states = isDeleted ? ["deleted"] : [];
  if (status?.allocation !== undefined) {
    states.push("allocated");
    if ((status.reservedFor ?? []).length > 0) states.push("reserved");
  } else if (!isDeleted) {
    states.push("pending");
  }
  return states.join(",");
}

export const resourceClaimPrinter = printer<ResourceClaim>(
  [nameColumn, text("State", "Whether devices are allocated and reserved."), ageColumn],
  (claim, nowMs) => [claim.metadata.name, claimState(claim), age(claim, nowMs)],
);

export const resourceSlicePrinter = printer<ResourceSlice>(
  [
    nameColumn,
    text("Node", "The node that the devices belong to."),
    text("Driver", "The driver of the devices."),
    text("Pool", "The pool that the slice is a part of."),
    ageColumn,
  ],
  (slice, nowMs) => [
    slice.metadata.name,
    slice.spec.nodeName ?? "",
    slice.spec.driver,
    slice.spec.pool?.name ?? "",
    age(slice, nowMs),
  ],
);

export const webhookPrinter = printer<MutatingWebhookConfiguration | ValidatingWebhookConfiguration>(
  [nameColumn, integer("Webhooks", "How many webhooks are configured."), ageColumn],
  (configuration, nowMs) => [
    configuration.metadata.name,
    configuration.webhooks?.length ?? 0,
    age(configuration, nowMs),
  ],
);

const paramKindColumn = text("ParamKind", "The kind of objects that hold parameters of the policy.");

function paramKind(kind: { apiVersion?: string | undefined; kind?: string | undefined } | undefined): string {
  return kind === undefined ? "<unset>" : `${kind.apiVersion ?? ""}/${kind.kind ?? ""}`;
}

export const validatingAdmissionPolicyPrinter = printer<ValidatingAdmissionPolicy>(
  [nameColumn, integer("Validations", "How many rules the policy has."), paramKindColumn, ageColumn],
  (policy, nowMs) => [
    policy.metadata.name,
    policy.spec?.validations?.length ?? 0,
    paramKind(policy.spec?.paramKind),
    age(policy, nowMs),
  ],
);

export const mutatingAdmissionPolicyPrinter = printer<MutatingAdmissionPolicy>(
  [nameColumn, integer("Mutations", "How many mutations the policy has."), paramKindColumn, ageColumn],
  (policy, nowMs) => [
    policy.metadata.name,
    policy.spec?.mutations?.length ?? 0,
    paramKind(policy.spec?.paramKind),
    age(policy, nowMs),
  ],
);

export const admissionPolicyBindingPrinter = printer<
  ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding
>(
  [
    nameColumn,
    text("PolicyName", "The policy that is bound."),
    text("ParamRef", "The object that holds the parameters."),
    ageColumn,
  ],
  (binding, nowMs) => {
    const reference = binding.spec?.paramRef;
    const name = reference?.name ? `${reference.namespace || "*"}/${reference.name}` : undefined;
    const selector = reference?.selector === undefined ? "<unset>" : formatSelector(reference.selector);
    return [binding.metadata.name, binding.spec?.policyName ?? "", name ?? selector, age(binding, nowMs)];
  },
);

export const apiServicePrinter = printer<APIService>(
  [
    nameColumn,
    text("Service", "The service that answers, or Local."),
    text("Available", "Whether the service can be reached."),
    ageColumn,
  ],
  (apiService, nowMs) => {
    const service = apiService.spec?.service;
    const condition = apiService.status?.conditions?.find(({ type }) => type === "Available");
    const why = condition?.status === "True" ? "" : (condition?.reason ?? "");
    const reason = why === "" ? "" : ` (${why})`;
    return [
      apiService.metadata.name,
      service === undefined ? "Local" : `${service.namespace ?? ""}/${service.name ?? ""}`,
      condition === undefined ? "Unknown" : `${condition.status}${reason}`,
      age(apiService, nowMs),
    ];
  },
);
