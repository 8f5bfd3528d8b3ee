/**
 * Optional scalars that Go holds by pointer, where the zero value says something: `replicas: 0` is not "no replicas
 * given". All other optional scalars of built-in types are held by value, and Go does not print their zero value:
 * `hostNetwork: false` and `nodeName: ""` are absence. OpenAPI does not tell the two apart.
 *
 * Facts of k8s.io/api 1.36, by the struct's name.
 */
const table = `
AllocatedDeviceStatus shareID
AppArmorProfile localhostProfile
AzureDiskVolumeSource cachingMode fsType kind readOnly
AzureFilePersistentVolumeSource secretNamespace
CSIDriverSpec attachRequired fsGroupPolicy nodeAllocatableUpdatePeriodSeconds podInfoOnMount preventPodSchedulingIfMissing requiresRepublish seLinuxMount serviceAccountTokenInSecrets storageCapacity
CSIVolumeSource fsType readOnly
CertificateSigningRequestSpec expirationSeconds
ClientIPConfig timeoutSeconds
ClusterTrustBundleProjection name optional signerName
ConfigMap immutable
ConfigMapEnvSource optional
ConfigMapKeySelector optional
ConfigMapProjection optional
ConfigMapVolumeSource defaultMode optional
Container restartPolicy
ContainerStatus started stopSignal
CronJobSpec failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit suspend timeZone
CustomResourceDefinitionVersion deprecationWarning
CustomResourceSubresourceScale labelSelectorPath
DaemonSetSpec revisionHistoryLimit
DaemonSetStatus collisionCount
DeleteOptions gracePeriodSeconds ignoreStoreReadErrorWithClusterBreakingPotential orphanDependents propagationPolicy
DeploymentSpec progressDeadlineSeconds replicas revisionHistoryLimit
DeploymentStatus collisionCount terminatingReplicas
Device allNodes allowMultipleAllocations bindsToNode nodeName
DeviceAttribute bool int string version
DeviceClassSpec extendedResourceName
DeviceConstraint distinctAttribute matchAttribute
DeviceRequestAllocationResult adminAccess shareID
DeviceToleration tolerationSeconds
DownwardAPIVolumeFile mode
DownwardAPIVolumeSource defaultMode
Endpoint hostname nodeName zone
EndpointAddress nodeName
EndpointConditions ready serving terminating
EndpointPort appProtocol name port protocol
EphemeralContainer restartPolicy
ExactDeviceRequest adminAccess
ExemptPriorityLevelConfiguration lendablePercent nominalConcurrencyShares
FCVolumeSource lun
FileKeySelector optional
GRPCAction service
GlusterfsPersistentVolumeSource endpointsNamespace
HPAScalingRules selectPolicy stabilizationWindowSeconds
HTTPIngressPath pathType
HorizontalPodAutoscalerSpec minReplicas targetCPUUtilizationPercentage
HorizontalPodAutoscalerStatus currentCPUUtilizationPercentage observedGeneration
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
MutatingWebhook failurePolicy matchPolicy reinvocationPolicy sideEffects timeoutSeconds
NamedRuleWithOperations scope
NetworkPolicyPort endPort protocol
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
PodDisruptionBudgetSpec unhealthyPodEvictionPolicy
PodFailurePolicyOnExitCodesRequirement containerName
PodResourceClaim resourceClaimName resourceClaimTemplateName
PodResourceClaimStatus resourceClaimName
PodSecurityContext fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy supplementalGroupsPolicy
PodSpec activeDeadlineSeconds automountServiceAccountToken enableServiceLinks hostUsers hostnameOverride preemptionPolicy priority runtimeClassName setHostnameAsFQDN shareProcessNamespace terminationGracePeriodSeconds
PortStatus error
Preconditions resourceVersion uid
PriorityClass preemptionPolicy
Probe terminationGracePeriodSeconds
ProjectedVolumeSource defaultMode
ReplicaSetSpec replicas
ReplicaSetStatus terminatingReplicas
ReplicationControllerSpec replicas
ResourceSliceSpec allNodes nodeName perDeviceNodeSelection
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
ServicePort appProtocol
ServiceReference path port
ServiceSpec allocateLoadBalancerNodePorts internalTrafficPolicy ipFamilyPolicy loadBalancerClass
StatefulSetSpec replicas revisionHistoryLimit
StatefulSetStatus collisionCount
StorageClass allowVolumeExpansion reclaimPolicy volumeBindingMode
SuccessPolicyRule succeededCount succeededIndexes
TokenRequest expirationSeconds
TokenRequestSpec expirationSeconds
Toleration tolerationSeconds
TopologySpreadConstraint minDomains nodeAffinityPolicy nodeTaintsPolicy
TypedLocalObjectReference apiGroup
TypedObjectReference apiGroup namespace
ValidatingAdmissionPolicySpec failurePolicy
ValidatingWebhook failurePolicy matchPolicy sideEffects timeoutSeconds
Validation reason
ValidationRule optionalOldSelf reason
VolumeAttachmentSource persistentVolumeName
VolumeError errorCode
VolumeMount mountPropagation recursiveReadOnly
VolumeMountStatus recursiveReadOnly
VolumeNodeResources count
WebhookClientConfig url
WindowsSecurityContextOptions gmsaCredentialSpec gmsaCredentialSpecName hostProcess runAsUserName
`;

let pointers: Map<string, ReadonlySet<string>> | undefined;

function load(): Map<string, ReadonlySet<string>> {
  const entries = table
    .trim()
    .split("\n")
    .map((line): [string, ReadonlySet<string>] => {
      const [struct = "", ...fields] = line.split(" ");
      return [struct, new Set(fields)];
    });
  return new Map(entries);
}

/**
 * Optional fields that Go prints although nobody set them: lists without `omitempty` as null, amounts held by value as
 * "0". What is empty there is no absence either.
 */
const printed = new Set([
  "ClusterRole rules",
  "HorizontalPodAutoscalerStatus currentMetrics",
  "ResourceFieldSelector divisor",
  "Role rules",
]);

/** True where Go prints a field that the schema calls optional, whether it is set or not. */
export function isAlwaysPrinted(schemaName: string, field: string): boolean {
  return (
    schemaName.startsWith("io.k8s.") &&
    printed.has(`${schemaName.slice(schemaName.lastIndexOf(".") + 1)} ${field}`)
  );
}

/** Optional fields with a default that their schema names and Go's code does not know. */
const withoutDefault = new Set(["ReplicationControllerSpec minReadySeconds"]);

/** True where Go does not print the zero value that the schema has for a default. */
export function isNeverFilled(schemaName: string, field: string): boolean {
  return withoutDefault.has(`${schemaName.slice(schemaName.lastIndexOf(".") + 1)} ${field}`);
}

/**
 * True where Go leaves the zero value of an optional scalar out. Only stable built-in types are known: for all others
 * the value is kept.
 */
export function omitsZero(schemaName: string, field: string): boolean {
  if (!schemaName.startsWith("io.k8s.") || /\.v[0-9]+(?:alpha|beta)[0-9]+\./.test(schemaName)) return false;
  pointers ??= load();
  const struct = schemaName.slice(schemaName.lastIndexOf(".") + 1);
  return pointers.get(struct)?.has(field) !== true;
}
