/**
 * What Go keeps of an empty value, and what it prints although nobody set it. OpenAPI does not tell: an optional field
 * that Go holds by pointer keeps its zero (`replicas: 0` is not "no replicas given"), one that it holds by value does
 * not (`hostNetwork: false` is absence), and a list without `omitempty` is null where it is absent.
 *
 * The rule is that an optional field goes without an empty value, that a required one keeps it, and that nothing is
 * printed unasked but a zero that the schema names as its default. The tables are the exceptions: facts of the Go types
 * of Kubernetes 1.36, by the struct's name, or by group, version and name where structs of one name differ.
 */

/**
 * Optional fields that keep an empty value: scalars and bytes held by pointer, lists and maps without `omitempty`. The
 * ranges of a ServiceCIDR are none of them, but are never stored empty, and a refusal shows the list that was sent.
 */
const keeps = `
AllocatedDeviceStatus conditions shareID
AppArmorProfile localhostProfile
AzureDiskVolumeSource cachingMode fsType kind readOnly
AzureFilePersistentVolumeSource secretNamespace
BasicDevice allNodes allowMultipleAllocations bindsToNode nodeName
CSIDriverSpec attachRequired fsGroupPolicy nodeAllocatableUpdatePeriodSeconds podInfoOnMount preventPodSchedulingIfMissing requiresRepublish seLinuxMount serviceAccountTokenInSecrets storageCapacity
CSINodeDriver topologyKeys
CSIVolumeSource fsType readOnly
CertificateSigningRequestSpec expirationSeconds
ClientIPConfig timeoutSeconds
ClusterRole rules
ClusterTrustBundleProjection name optional signerName
ConfigMap immutable
ConfigMapEnvSource optional
ConfigMapKeySelector optional
ConfigMapProjection optional
ConfigMapVolumeSource defaultMode optional
Container restartPolicy
ContainerImage names
ContainerStatus started stopSignal
CronJobSpec failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit suspend timeZone
CustomResourceDefinitionStatus conditions storedVersions
CustomResourceDefinitionVersion deprecationWarning
CustomResourceSubresourceScale labelSelectorPath
DaemonSetSpec revisionHistoryLimit
DaemonSetStatus collisionCount
DeleteOptions gracePeriodSeconds ignoreStoreReadErrorWithClusterBreakingPotential orphanDependents propagationPolicy
DeploymentSpec progressDeadlineSeconds replicas revisionHistoryLimit
DeploymentStatus collisionCount terminatingReplicas
Device allNodes allowMultipleAllocations bindsToNode nodeName
DeviceAttribute bool int string version
DeviceClaim requests
DeviceClassSpec extendedResourceName
DeviceConstraint distinctAttribute matchAttribute
DeviceRequest adminAccess
DeviceRequestAllocationResult adminAccess shareID
DeviceTaintSelector device driver pool
DeviceToleration tolerationSeconds
DownwardAPIVolumeFile mode
DownwardAPIVolumeSource defaultMode
Endpoint hostname nodeName zone
EndpointAddress nodeName
EndpointConditions ready serving terminating
EndpointPort appProtocol
EndpointSlice endpoints ports
EphemeralContainer restartPolicy
ExactDeviceRequest adminAccess
ExemptPriorityLevelConfiguration lendablePercent nominalConcurrencyShares
FCVolumeSource lun
FileKeySelector optional
GRPCAction service
GlusterfsPersistentVolumeSource endpointsNamespace
HPAScalingRules selectPolicy stabilizationWindowSeconds
HorizontalPodAutoscalerSpec minReplicas targetCPUUtilizationPercentage
HorizontalPodAutoscalerStatus currentCPUUtilizationPercentage currentMetrics observedGeneration
HostPathVolumeSource type
ISCSIPersistentVolumeSource initiatorName
ISCSIVolumeSource initiatorName
IngressClassParametersReference apiGroup namespace scope
IngressPortStatus error
IngressSpec ingressClassName
JSONSchemaProps $ref maxItems maxLength maxProperties maximum minItems minLength minProperties minimum multipleOf x-kubernetes-list-type x-kubernetes-map-type x-kubernetes-preserve-unknown-fields
JobSpec activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode completions managedBy manualSelector maxFailedIndexes parallelism podReplacementPolicy suspend ttlSecondsAfterFinished
JobStatus failedIndexes ready terminating
KeyToPath mode
LeaseSpec holderIdentity leaseDurationSeconds leaseTransitions preferredHolder strategy
Lifecycle stopSignal
LimitedPriorityLevelConfiguration borrowingLimitPercent lendablePercent nominalConcurrencyShares
ListMeta remainingItemCount
LoadBalancerIngress ipMode
LocalVolumeSource fsType
MatchResources matchPolicy
MetricTarget averageUtilization
MetricValueStatus averageUtilization
MutatingAdmissionPolicySpec failurePolicy
MutatingWebhook failurePolicy matchPolicy reinvocationPolicy timeoutSeconds
NamedRuleWithOperations scope
NetworkPolicyPort endPort protocol
NodeAllocatableResourceMapping capacityKey
NodeFeatures supplementalGroupsPolicy
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts userNamespaces
NodeSwapStatus capacity
ObjectMeta deletionGracePeriodSeconds
OwnerReference blockOwnerDeletion controller
ParamRef parameterNotFoundAction
PersistentVolumeClaimSpec storageClassName volumeAttributesClassName volumeMode
PersistentVolumeClaimStatus currentVolumeAttributesClassName
PersistentVolumeSpec volumeAttributesClassName volumeMode
PodCertificateProjection maxExpirationSeconds
PodCertificateRequestSpec maxExpirationSeconds pkixPublicKey proofOfPossession
PodDNSConfigOption value
PodDisruptionBudgetSpec unhealthyPodEvictionPolicy
PodFailurePolicyOnExitCodesRequirement containerName
PodResourceClaim resourceClaimName resourceClaimTemplateName
PodResourceClaimStatus resourceClaimName
PodSchedulingGroup podGroupName
PodSecurityContext fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy supplementalGroupsPolicy
PodSpec activeDeadlineSeconds automountServiceAccountToken enableServiceLinks hostUsers hostnameOverride preemptionPolicy priority runtimeClassName setHostnameAsFQDN shareProcessNamespace terminationGracePeriodSeconds
PortStatus error
Preconditions resourceVersion uid
PriorityClass preemptionPolicy
Probe terminationGracePeriodSeconds
ProjectedVolumeSource defaultMode sources
ReplicaSetSpec replicas
ReplicaSetStatus terminatingReplicas
ReplicationControllerSpec replicas
ResourceHealth message
ResourcePolicyRule namespaces
ResourceSliceSpec perDeviceNodeSelection
Role rules
RollingUpdateStatefulSetStrategy partition
RuleWithOperations scope
SeccompProfile localhostProfile
Secret immutable
SecretEnvSource optional
SecretKeySelector optional
SecretProjection optional
SecretVolumeSource defaultMode optional
SecurityContext allowPrivilegeEscalation privileged procMount readOnlyRootFilesystem runAsGroup runAsNonRoot runAsUser
ServiceAccount automountServiceAccountToken
ServiceAccountTokenProjection expirationSeconds
ServiceCIDRSpec cidrs
ServicePort appProtocol
ServiceReference path port
ServiceSpec allocateLoadBalancerNodePorts internalTrafficPolicy ipFamilyPolicy loadBalancerClass trafficDistribution
StatefulSetSpec replicas revisionHistoryLimit
StatefulSetStatus collisionCount
StorageClass allowVolumeExpansion reclaimPolicy volumeBindingMode
SuccessPolicyRule succeededCount succeededIndexes
TokenRequest expirationSeconds
TokenRequestSpec audiences expirationSeconds
Toleration tolerationSeconds
TopologySpreadConstraint minDomains nodeAffinityPolicy nodeTaintsPolicy
TypedObjectReference apiGroup namespace
ValidatingAdmissionPolicySpec failurePolicy
ValidatingWebhook failurePolicy matchPolicy timeoutSeconds
Validation reason
ValidationRule optionalOldSelf reason
VolumeAttachmentSource persistentVolumeName
VolumeError errorCode
VolumeMount mountPropagation recursiveReadOnly
VolumeMountStatus recursiveReadOnly
VolumeNodeResources count
WebhookClientConfig url
WindowsSecurityContextOptions gmsaCredentialSpec gmsaCredentialSpecName hostProcess runAsUserName
core.v1.TypedLocalObjectReference apiGroup
discovery.v1.EndpointPort name port protocol
resource.v1.ResourceSliceSpec allNodes nodeName
resource.v1beta2.ResourceSliceSpec allNodes nodeName
`;

/** Required fields that go without an empty value. */
const drops = `
ContainerRestartRule action
ContainerRestartRuleOnExitCodes operator
CounterSet counters
DeviceCounterConsumption counters
IPAddressSpec parentRef
ImageVolumeStatus imageRef
LeaseCandidateSpec strategy
ParentReference name resource
PodCertificateProjection keyType signerName
TokenReviewSpec token
ValidatingAdmissionPolicyBindingSpec policyName validationActions
`;

/** Fields that are null where they are absent: times held by value, lists and pointers without `omitempty`. */
const nulls = `
APIServiceCondition lastTransitionTime
AllocatedDeviceStatus conditions
AzureFilePersistentVolumeSource secretNamespace
CSINodeDriver topologyKeys
CSINodeSpec drivers
CapacityRequestPolicy default
CertificateSigningRequestCondition lastTransitionTime lastUpdateTime
ClusterRole rules
Condition lastTransitionTime
ContainerImage names
ContainerStateRunning startedAt
ContainerStateTerminated finishedAt startedAt
CustomResourceDefinitionCondition lastTransitionTime
CustomResourceDefinitionStatus conditions storedVersions
DaemonSetCondition lastTransitionTime
DeploymentCondition lastTransitionTime lastUpdateTime
DeviceClaim requests
EndpointSlice endpoints ports
Event deprecatedFirstTimestamp deprecatedLastTimestamp eventTime firstTimestamp lastTimestamp
EventSeries lastObservedTime
FlowSchemaCondition lastTransitionTime
HorizontalPodAutoscalerCondition lastTransitionTime
HorizontalPodAutoscalerStatus currentMetrics
JobCondition lastProbeTime lastTransitionTime
LimitRangeSpec limits
NamespaceCondition lastTransitionTime
NodeAllocatableResourceClaimStatus resources
NodeCondition lastHeartbeatTime lastTransitionTime
PersistentVolumeClaimCondition lastProbeTime lastTransitionTime
PodCertificateRequestSpec pkixPublicKey proofOfPossession
PodCondition lastProbeTime lastTransitionTime
PodExtendedResourceClaimStatus requestMappings
PodFailurePolicy rules
PriorityLevelConfigurationCondition lastTransitionTime
ProjectedVolumeSource sources
ReplicaSetCondition lastTransitionTime
ReplicationControllerCondition lastTransitionTime
ResourcePolicyRule namespaces
Role rules
StatefulSetCondition lastTransitionTime
TypedObjectReference apiGroup
VolumeError time
core.v1.TypedLocalObjectReference apiGroup
`;

/** Fields that are printed with the zero of their type although the schema names no default. */
const zeros = `
Counter value
DeviceCapacity value
DeviceTaintRule spec status
DeviceTaintRuleSpec taint
ResourceFieldSelector divisor
MutatingAdmissionPolicy spec
MutatingAdmissionPolicyBinding spec
`;

/** Fields whose schema names a zero as their default, which Go does not print. */
const unfilled = `
ConfigMapEnvSource name
ConfigMapKeySelector name
ConfigMapProjection name
ConfigMapVolumeSource name
LocalObjectReference name
ReplicationControllerSpec minReadySeconds
ScaleSpec replicas
SecretEnvSource name
SecretKeySelector name
SecretProjection name
`;

class Table {
  readonly #text: string;
  #fields: Map<string, ReadonlySet<string>> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  has(schemaName: string, field: string): boolean {
    if (!schemaName.startsWith("io.k8s.")) return false;
    this.#fields ??= parse(this.#text);
    const parts = schemaName.split(".");
    return [parts.slice(-1), parts.slice(-3)].some(
      (key) => this.#fields?.get(key.join("."))?.has(field) === true,
    );
  }
}

function parse(text: string): Map<string, ReadonlySet<string>> {
  const lines = text.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [struct = "", ...fields] = line.split(" ");
      return [struct, new Set(fields)];
    }),
  );
}

const kept = new Table(keeps);
const dropped = new Table(drops);
const absentAsNull = new Table(nulls);
const absentAsZero = new Table(zeros);
const neverFilled = new Table(unfilled);

/** How Go prints a field that is absent, where it prints it at all although the schema names no default. */
export function printedWhenAbsent(schemaName: string, field: string): "null" | "zero" | undefined {
  if (absentAsNull.has(schemaName, field)) return "null";
  return absentAsZero.has(schemaName, field) ? "zero" : undefined;
}

/** True where Go does not print the zero value that the schema has for a default. */
export function isNeverFilled(schemaName: string, field: string): boolean {
  return neverFilled.has(schemaName, field);
}

/**
 * True where Go leaves an empty value out. Of types that are not Kubernetes' own nothing is known: they keep the
 * scalars that they were given.
 */
export function omitsEmpty(
  schemaName: string,
  field: string,
  { isRequired, isScalar }: { readonly isRequired: boolean; readonly isScalar: boolean },
): boolean {
  if (!schemaName.startsWith("io.k8s.")) return !isRequired && !isScalar;
  return isRequired ? dropped.has(schemaName, field) : !kept.has(schemaName, field);
}
