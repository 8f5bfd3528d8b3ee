import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ServiceReference,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "../types/admissionregistration-v1.ts";
import type { CustomResourceDefinition } from "../types/apiextensions-v1.ts";
import type { APIService } from "../types/apiregistration-v1.ts";
import type { TokenRequest } from "../types/authentication-v1.ts";
import type { PodCertificateRequest } from "../types/certificates-v1beta1.ts";
import type { EndpointSlice } from "../types/discovery-v1.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../types/flowcontrol-v1.ts";
import type { IngressClass, NetworkPolicy } from "../types/networking-v1.ts";
import type { ClusterRoleBinding, RoleBinding } from "../types/rbac-v1.ts";
import type { DeviceClaim, ResourceClaim, ResourceClaimTemplate } from "../types/resource-v1.ts";
import type { ResourceSlice as FirstResourceSlice } from "../types/resource-v1beta1.ts";
import type { PriorityClass } from "../types/scheduling-v1.ts";
import type { CSIDriver, StorageClass, VolumeAttachment } from "../types/storage-v1.ts";
import { defaultDiskSources } from "./volume-sources.ts";

/** Mirrors the defaults.go of the smaller groups below pkg/apis. */
const rbacGroup = "rbac.authorization.k8s.io";

export function defaultRoleBinding(binding: RoleBinding | ClusterRoleBinding): void {
  if (binding.roleRef !== undefined) binding.roleRef.apiGroup ||= rbacGroup;
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === "User" || subject.kind === "Group") subject.apiGroup ||= rbacGroup;
  }
}

export function defaultEndpointSlice(slice: EndpointSlice): void {
  for (const port of slice.ports ?? []) {
    port.name ??= "";
    port.protocol ??= "TCP";
  }
}

export function defaultNetworkPolicy({ spec }: NetworkPolicy): void {
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of rule.ports ?? []) port.protocol ??= "TCP";
  }
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}

export function defaultIngressClass({ spec }: IngressClass): void {
  if (spec?.parameters !== undefined) spec.parameters.scope ??= "Cluster";
}

export function defaultStorageClass(storageClass: StorageClass): void {
  storageClass.reclaimPolicy ??= "Delete";
  storageClass.volumeBindingMode ??= "Immediate";
}

export function defaultVolumeAttachment({ spec }: VolumeAttachment): void {
  const volume = spec.source?.inlineVolumeSpec;
  if (volume === undefined) return;
  if (volume.hostPath !== undefined) volume.hostPath.type ??= "";
  defaultDiskSources(volume);
}

export function defaultCsiDriver({ spec }: CSIDriver): void {
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ["Persistent"];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

export function defaultPriorityClass(priorityClass: PriorityClass): void {
  priorityClass.preemptionPolicy ??= "PreemptLowerPriority";
}

export function defaultFlowSchema({ spec }: FlowSchema): void {
  spec.matchingPrecedence ||= 1000;
}

export function defaultPriorityLevel({ spec }: PriorityLevelConfiguration): void {
  if (spec.exempt !== undefined) {
    spec.exempt.nominalConcurrencyShares ??= 0;
    spec.exempt.lendablePercent ??= 0;
  }
  if (spec.limited === undefined) return;
  spec.limited.nominalConcurrencyShares ??= 30;
  spec.limited.lendablePercent ??= 0;
  const queuing = spec.limited.limitResponse?.queuing;
  if (queuing === undefined) return;
  queuing.handSize ||= 8;
  queuing.queues ||= 64;
  queuing.queueLengthLimit ||= 50;
}

export function defaultResourceClaim(claim: ResourceClaim): void {
  defaultDeviceClaim(claim.spec.devices);
  for (const result of claim.status?.allocation?.devices?.results ?? []) {
    for (const toleration of result.tolerations ?? []) toleration.operator ||= "Equal";
  }
}

export function defaultResourceClaimTemplate({ spec }: ResourceClaimTemplate): void {
  defaultDeviceClaim(spec.spec?.devices);
}

/** The first beta always shows where a device has its parts. */
export function defaultFirstResourceSlice({ spec }: FirstResourceSlice): void {
  for (const device of spec.devices ?? []) device.basic ??= {};
}

interface DefaultedRequest {
  deviceClassName?: string | undefined;
  allocationMode?: string | undefined;
  count?: number | undefined;
  tolerations?: { operator?: string | undefined }[] | undefined;
}

/** Also of v1beta1, where what is asked for stands in the request itself. */
function defaultDeviceClaim(devices: DeviceClaim | undefined): void {
  for (const item of devices?.requests ?? []) {
    const flat = item as DefaultedRequest;
    const requests: DefaultedRequest[] =
      item.exactly === undefined ? (item.firstAvailable ?? []) : [item.exactly];
    for (const request of flat.deviceClassName ? [flat] : requests) {
      request.allocationMode ||= "ExactCount";
      if (request.allocationMode === "ExactCount") request.count ||= 1;
      for (const toleration of request.tolerations ?? []) toleration.operator ||= "Equal";
    }
  }
}

export function defaultPodCertificateRequest({ spec }: PodCertificateRequest): void {
  spec.maxExpirationSeconds ??= 86_400;
}

export function defaultTokenRequest({ spec }: TokenRequest): void {
  spec.expirationSeconds ??= 3600;
}

const defaultPort = (service: Pick<ServiceReference, "port"> | undefined): void => {
  if (service !== undefined) service.port ??= 443;
};

function defaultRules(rules: readonly RuleWithOperations[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= "*";
}

export function defaultWebhooks(
  configuration: ValidatingWebhookConfiguration | MutatingWebhookConfiguration,
): void {
  for (const webhook of configuration.webhooks ?? []) {
    webhook.failurePolicy ??= "Fail";
    webhook.matchPolicy ??= "Equivalent";
    webhook.namespaceSelector ??= {};
    webhook.objectSelector ??= {};
    webhook.timeoutSeconds ??= 10;
    defaultRules(webhook.rules);
    defaultPort(webhook.clientConfig?.service);
  }
}

export function defaultMutatingWebhooks(configuration: MutatingWebhookConfiguration): void {
  defaultWebhooks(configuration);
  for (const webhook of configuration.webhooks ?? []) webhook.reinvocationPolicy ??= "Never";
}

function defaultMatchResources(match: MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= "Equivalent";
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  defaultRules(match.resourceRules);
  defaultRules(match.excludeResourceRules);
}

export function defaultAdmissionPolicy({ spec }: ValidatingAdmissionPolicy | MutatingAdmissionPolicy): void {
  spec.failurePolicy ??= "Fail";
  defaultMatchResources(spec.matchConstraints);
}

/** Go holds the spec by value, so there is always one. */
export function defaultMutatingPolicy(policy: MutatingAdmissionPolicy): void {
  policy.spec ??= {};
  defaultAdmissionPolicy(policy);
}

export function defaultMutatingBinding(binding: MutatingAdmissionPolicyBinding): void {
  binding.spec ??= {};
  defaultAdmissionPolicyBinding(binding);
}

export function defaultAdmissionPolicyBinding({
  spec,
}: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding): void {
  defaultMatchResources(spec.matchResources);
}

export function defaultCustomResourceDefinition(definition: CustomResourceDefinition): void {
  const { names, versions } = definition.spec;
  names.singular ||= (names.kind ?? "").toLowerCase();
  if (names.kind) names.listKind ||= `${names.kind}List`;
  definition.spec.conversion ??= { strategy: "None" };
  defaultPort(definition.spec.conversion.webhook?.clientConfig?.service);
  const stored = (versions ?? []).find((version) => version.storage);
  if ((definition.status?.storedVersions ?? []).length === 0 && stored !== undefined) {
    definition.status = { ...definition.status, storedVersions: [stored.name] };
  }
}

export function defaultApiService({ spec }: APIService): void {
  defaultPort(spec?.service);
}
