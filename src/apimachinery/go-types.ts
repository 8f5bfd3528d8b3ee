import { resolveSchema, type Schema, type SchemaSet } from "./schema.ts";

/**
 * What Go calls the types of fields, and where structs are embedded in others: messages of its decoder name both.
 * Looked up only for a message.
 *
 * A line names a struct, by group and version where structs of one name differ, and its fields that are special:
 * `field=Type`, where `~` is the package of the struct itself, and `field:Embedded.Structs` on the way to the field,
 * or both. Facts of the Go types of Kubernetes 1.36.
 */
const table = `
APIResource verbs=~Verbs
APIServiceCondition status=~ConditionStatus type=~APIServiceConditionType
AppArmorProfile type=~AppArmorProfileType
AttachedVolume name=~UniqueVolumeName
AzureDiskVolumeSource cachingMode=~AzureDataDiskCachingMode kind=~AzureDataDiskKind
BasicDevice attributes=map[~QualifiedName]~DeviceAttribute capacity=map[~QualifiedName]~DeviceCapacity nodeAllocatableResourceMappings=map[v1.ResourceName]~NodeAllocatableResourceMapping
BoundObjectReference uid=types.UID
CSIDriverSpec fsGroupPolicy=~FSGroupPolicy volumeLifecycleModes=[]~VolumeLifecycleMode
Capabilities add=[]~Capability drop=[]~Capability
CapacityRequirements requests=map[~QualifiedName]resource.Quantity
CertificateSigningRequestCondition status=~ConditionStatus type=~RequestConditionType
CertificateSigningRequestSpec extra=map[string]~ExtraValue usages=[]~KeyUsage
ComponentCondition status=~ConditionStatus type=~ComponentConditionType
Condition status=~ConditionStatus
ConfigMapEnvSource name:LocalObjectReference
ConfigMapKeySelector name:LocalObjectReference
ConfigMapNodeConfigSource uid=types.UID
ConfigMapProjection name:LocalObjectReference
ConfigMapVolumeSource name:LocalObjectReference
Container imagePullPolicy=~PullPolicy restartPolicy=~ContainerRestartPolicy terminationMessagePolicy=~TerminationMessagePolicy
ContainerPort protocol=~Protocol
ContainerResizePolicy resourceName=~ResourceName restartPolicy=~ResourceResizeRestartPolicy
ContainerResourceMetricSource name=v1.ResourceName
ContainerResourceMetricStatus name=v1.ResourceName
ContainerRestartRule action=~ContainerRestartRuleAction
ContainerRestartRuleOnExitCodes operator=~ContainerRestartRuleOnExitCodesOperator
ContainerStatus allocatedResources=~ResourceList stopSignal=~Signal
CronJobSpec concurrencyPolicy=~ConcurrencyPolicy
CustomResourceConversion strategy=~ConversionStrategyType
CustomResourceDefinitionCondition status=~ConditionStatus type=~CustomResourceDefinitionConditionType
CustomResourceDefinitionSpec scope=~ResourceScope
DaemonSetCondition status=~ConditionStatus type=~DaemonSetConditionType
DaemonSetUpdateStrategy type=~DaemonSetUpdateStrategyType
DeleteOptions propagationPolicy=~DeletionPropagation
DeploymentCondition status=~ConditionStatus type=~DeploymentConditionType
DeploymentStrategy type=~DeploymentStrategyType
resource.v1.Device attributes=map[~QualifiedName]~DeviceAttribute capacity=map[~QualifiedName]~DeviceCapacity nodeAllocatableResourceMappings=map[~ResourceName]~NodeAllocatableResourceMapping
resource.v1beta2.Device attributes=map[~QualifiedName]~DeviceAttribute capacity=map[~QualifiedName]~DeviceCapacity nodeAllocatableResourceMappings=map[v1.ResourceName]~NodeAllocatableResourceMapping
DeviceAllocationConfiguration opaque:DeviceConfiguration source=~AllocationConfigSource
DeviceClaimConfiguration opaque:DeviceConfiguration
DeviceClassConfiguration opaque:DeviceConfiguration
DeviceConstraint distinctAttribute=~FullyQualifiedName matchAttribute=~FullyQualifiedName
DeviceRequest allocationMode=~DeviceAllocationMode
DeviceRequestAllocationResult consumedCapacity=map[~QualifiedName]resource.Quantity shareID=types.UID
DeviceSubRequest allocationMode=~DeviceAllocationMode
DeviceTaint effect=~DeviceTaintEffect
DeviceToleration effect=~DeviceTaintEffect operator=~DeviceTolerationOperator
EmptyDirVolumeSource medium=~StorageMedium
EndpointPort protocol=~Protocol
EndpointSlice addressType=~AddressType
EphemeralContainer args:EphemeralContainerCommon command:EphemeralContainerCommon env:EphemeralContainerCommon envFrom:EphemeralContainerCommon image:EphemeralContainerCommon imagePullPolicy:EphemeralContainerCommon=~PullPolicy lifecycle:EphemeralContainerCommon livenessProbe:EphemeralContainerCommon name:EphemeralContainerCommon ports:EphemeralContainerCommon readinessProbe:EphemeralContainerCommon resizePolicy:EphemeralContainerCommon resources:EphemeralContainerCommon restartPolicy:EphemeralContainerCommon=~ContainerRestartPolicy restartPolicyRules:EphemeralContainerCommon securityContext:EphemeralContainerCommon startupProbe:EphemeralContainerCommon stdin:EphemeralContainerCommon stdinOnce:EphemeralContainerCommon terminationMessagePath:EphemeralContainerCommon terminationMessagePolicy:EphemeralContainerCommon=~TerminationMessagePolicy tty:EphemeralContainerCommon volumeDevices:EphemeralContainerCommon volumeMounts:EphemeralContainerCommon workingDir:EphemeralContainerCommon
ExactDeviceRequest allocationMode=~DeviceAllocationMode
FieldSelectorRequirement operator=~FieldSelectorOperator
FlowDistinguisherMethod type=~FlowDistinguisherMethodType
FlowSchemaCondition status=~ConditionStatus type=~FlowSchemaConditionType
HPAScalingPolicy type=~HPAScalingPolicyType
HPAScalingRules selectPolicy=~ScalingPolicySelect
HTTPGetAction scheme=~URIScheme
HTTPIngressPath pathType=~PathType
HorizontalPodAutoscalerCondition status=v1.ConditionStatus type=~HorizontalPodAutoscalerConditionType
HostPathVolumeSource type=~HostPathType
ImageVolumeSource pullPolicy=~PullPolicy
IngressPortStatus protocol=~Protocol
IngressRule http:IngressRuleValue
JSONSchemaProps $schema=~JSONSchemaURL definitions=~JSONSchemaDefinitions dependencies=~JSONSchemaDependencies x-kubernetes-validations=~ValidationRules
JobCondition status=~ConditionStatus type=~JobConditionType
JobSpec completionMode=~CompletionMode podReplacementPolicy=~PodReplacementPolicy
LabelSelectorRequirement operator=~LabelSelectorOperator
LeaseCandidateSpec strategy=v1.CoordinatedLeaseStrategy
LeaseSpec strategy=~CoordinatedLeaseStrategy
Lifecycle stopSignal=~Signal
LimitRangeItem default=~ResourceList defaultRequest=~ResourceList max=~ResourceList maxLimitRequestRatio=~ResourceList min=~ResourceList type=~LimitType
LimitResponse type=~LimitResponseType
LoadBalancerIngress ipMode=~LoadBalancerIPMode
ManagedFieldsEntry operation=~ManagedFieldsOperationType
MatchResources matchPolicy=~MatchPolicyType
MetricSpec type=~MetricSourceType
MetricStatus type=~MetricSourceType
MetricTarget type=~MetricTargetType
ModifyVolumeStatus status=~PersistentVolumeClaimModifyVolumeStatus
admissionregistration.v1.MutatingAdmissionPolicySpec failurePolicy=~FailurePolicyType reinvocationPolicy=~ReinvocationPolicyType
admissionregistration.v1alpha1.MutatingAdmissionPolicySpec failurePolicy=~FailurePolicyType reinvocationPolicy=v1.ReinvocationPolicyType
admissionregistration.v1beta1.MutatingAdmissionPolicySpec failurePolicy=~FailurePolicyType reinvocationPolicy=v1.ReinvocationPolicyType
MutatingWebhook failurePolicy=~FailurePolicyType matchPolicy=~MatchPolicyType reinvocationPolicy=~ReinvocationPolicyType sideEffects=~SideEffectClass
Mutation patchType=~PatchType
admissionregistration.v1.NamedRuleWithOperations apiGroups:RuleWithOperations.Rule apiVersions:RuleWithOperations.Rule operations:RuleWithOperations=[]~OperationType resources:RuleWithOperations.Rule scope:RuleWithOperations.Rule=~ScopeType
admissionregistration.v1alpha1.NamedRuleWithOperations apiGroups:RuleWithOperations.Rule apiVersions:RuleWithOperations.Rule operations:RuleWithOperations=[]v1.OperationType resources:RuleWithOperations.Rule scope:RuleWithOperations.Rule=v1.ScopeType
admissionregistration.v1beta1.NamedRuleWithOperations apiGroups:RuleWithOperations.Rule apiVersions:RuleWithOperations.Rule operations:RuleWithOperations=[]v1.OperationType resources:RuleWithOperations.Rule scope:RuleWithOperations.Rule=v1.ScopeType
NamespaceCondition status=~ConditionStatus type=~NamespaceConditionType
NamespaceSpec finalizers=[]~FinalizerName
NamespaceStatus phase=~NamespacePhase
NetworkPolicyPort protocol=~Protocol
NetworkPolicySpec policyTypes=[]~PolicyType
NodeAddress type=~NodeAddressType
NodeAllocatableResourceClaimStatus resources=map[~ResourceName]resource.Quantity
NodeAllocatableResourceMapping capacityKey=~QualifiedName
NodeCondition status=~ConditionStatus type=~NodeConditionType
NodeSelectorRequirement operator=~NodeSelectorOperator
NodeStatus allocatable=~ResourceList capacity=~ResourceList phase=~NodePhase volumesInUse=[]~UniqueVolumeName
ObjectMeta uid=types.UID
ObjectReference uid=types.UID
Overhead podFixed=~ResourceList
OwnerReference uid=types.UID
ParamRef parameterNotFoundAction=~ParameterNotFoundActionType
PersistentVolumeClaimCondition status=~ConditionStatus type=~PersistentVolumeClaimConditionType
PersistentVolumeClaimSpec accessModes=[]~PersistentVolumeAccessMode volumeMode=~PersistentVolumeMode
PersistentVolumeClaimStatus accessModes=[]~PersistentVolumeAccessMode allocatedResourceStatuses=map[~ResourceName]~ClaimResourceStatus allocatedResources=~ResourceList capacity=~ResourceList phase=~PersistentVolumeClaimPhase
PersistentVolumeSpec accessModes=[]~PersistentVolumeAccessMode awsElasticBlockStore:PersistentVolumeSource azureDisk:PersistentVolumeSource azureFile:PersistentVolumeSource capacity=~ResourceList cephfs:PersistentVolumeSource cinder:PersistentVolumeSource csi:PersistentVolumeSource fc:PersistentVolumeSource flexVolume:PersistentVolumeSource flocker:PersistentVolumeSource gcePersistentDisk:PersistentVolumeSource glusterfs:PersistentVolumeSource hostPath:PersistentVolumeSource iscsi:PersistentVolumeSource local:PersistentVolumeSource nfs:PersistentVolumeSource persistentVolumeReclaimPolicy=~PersistentVolumeReclaimPolicy photonPersistentDisk:PersistentVolumeSource portworxVolume:PersistentVolumeSource quobyte:PersistentVolumeSource rbd:PersistentVolumeSource scaleIO:PersistentVolumeSource storageos:PersistentVolumeSource volumeMode=~PersistentVolumeMode vsphereVolume:PersistentVolumeSource
PersistentVolumeStatus phase=~PersistentVolumePhase
PodCertificateRequestSpec nodeName=types.NodeName nodeUID=types.UID podUID=types.UID serviceAccountUID=types.UID
PodCondition status=~ConditionStatus type=~PodConditionType
PodDisruptionBudgetSpec unhealthyPodEvictionPolicy=~UnhealthyPodEvictionPolicyType
PodFailurePolicyOnExitCodesRequirement operator=~PodFailurePolicyOnExitCodesOperator
PodFailurePolicyOnPodConditionsPattern status=~ConditionStatus type=~PodConditionType
PodFailurePolicyRule action=~PodFailurePolicyAction
PodGroupSpec disruptionMode=~DisruptionMode
PodGroupTemplate disruptionMode=~DisruptionMode
PodOS name=~OSName
PodReadinessGate conditionType=~PodConditionType
PodSecurityContext fsGroupChangePolicy=~PodFSGroupChangePolicy seLinuxChangePolicy=~PodSELinuxChangePolicy supplementalGroupsPolicy=~SupplementalGroupsPolicy
PodSpec dnsPolicy=~DNSPolicy overhead=~ResourceList preemptionPolicy=~PreemptionPolicy restartPolicy=~RestartPolicy
PodStatus allocatedResources=~ResourceList phase=~PodPhase qosClass=~PodQOSClass resize=~PodResizeStatus
PortStatus protocol=~Protocol
Preconditions uid=types.UID
PriorityClass preemptionPolicy=~PreemptionPolicy
PriorityLevelConfigurationCondition status=~ConditionStatus type=~PriorityLevelConfigurationConditionType
PriorityLevelConfigurationSpec type=~PriorityLevelEnablement
Probe exec:ProbeHandler grpc:ProbeHandler httpGet:ProbeHandler tcpSocket:ProbeHandler
ReplicaSetCondition status=~ConditionStatus type=~ReplicaSetConditionType
ReplicationControllerCondition status=~ConditionStatus type=~ReplicationControllerConditionType
ResourceClaimConsumerReference uid=types.UID
ResourceHealth health=~ResourceHealthStatus resourceID=~ResourceID
ResourceMetricSource name=v1.ResourceName
ResourceMetricStatus name=v1.ResourceName
ResourceQuotaSpec hard=~ResourceList scopes=[]~ResourceQuotaScope
ResourceQuotaStatus hard=~ResourceList used=~ResourceList
ResourceRequirements limits=~ResourceList requests=~ResourceList
ResourceStatus name=~ResourceName
RuleWithOperations apiGroups:Rule apiVersions:Rule operations=[]~OperationType resources:Rule scope:Rule=~ScopeType
ScopedResourceSelectorRequirement operator=~ScopeSelectorOperator scopeName=~ResourceQuotaScope
SeccompProfile type=~SeccompProfileType
Secret type=~SecretType
SecretEnvSource name:LocalObjectReference
SecretKeySelector name:LocalObjectReference
SecretProjection name:LocalObjectReference
SecurityContext procMount=~ProcMountType
ServicePort protocol=~Protocol
ServiceSpec externalTrafficPolicy=~ServiceExternalTrafficPolicy internalTrafficPolicy=~ServiceInternalTrafficPolicy ipFamilies=[]~IPFamily ipFamilyPolicy=~IPFamilyPolicy sessionAffinity=~ServiceAffinity type=~ServiceType
StatefulSetCondition status=~ConditionStatus type=~StatefulSetConditionType
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted=~PersistentVolumeClaimRetentionPolicyType whenScaled=~PersistentVolumeClaimRetentionPolicyType
StatefulSetSpec podManagementPolicy=~PodManagementPolicyType
StatefulSetUpdateStrategy type=~StatefulSetUpdateStrategyType
Status reason=~StatusReason
StatusCause reason=~CauseType
StatusDetails uid=types.UID
StorageClass reclaimPolicy=~PersistentVolumeReclaimPolicy volumeBindingMode=~VolumeBindingMode
StorageVersionCondition status=~ConditionStatus type=~StorageVersionConditionType
Subject kind=~SubjectKind
SubjectAccessReviewSpec extra=map[string]~ExtraValue
Taint effect=~TaintEffect
Toleration effect=~TaintEffect operator=~TolerationOperator
TopologySpreadConstraint nodeAffinityPolicy=~NodeInclusionPolicy nodeTaintsPolicy=~NodeInclusionPolicy whenUnsatisfiable=~UnsatisfiableConstraintAction
UncountedTerminatedPods failed=[]types.UID succeeded=[]types.UID
UserInfo extra=map[string]~ExtraValue
ValidatingAdmissionPolicyBindingSpec validationActions=[]~ValidationAction
ValidatingAdmissionPolicySpec failurePolicy=~FailurePolicyType
ValidatingWebhook failurePolicy=~FailurePolicyType matchPolicy=~MatchPolicyType sideEffects=~SideEffectClass
Validation reason=~StatusReason
ValidationRule reason=~FieldValueErrorReason
Volume awsElasticBlockStore:VolumeSource azureDisk:VolumeSource azureFile:VolumeSource cephfs:VolumeSource cinder:VolumeSource configMap:VolumeSource csi:VolumeSource downwardAPI:VolumeSource emptyDir:VolumeSource ephemeral:VolumeSource fc:VolumeSource flexVolume:VolumeSource flocker:VolumeSource gcePersistentDisk:VolumeSource gitRepo:VolumeSource glusterfs:VolumeSource hostPath:VolumeSource image:VolumeSource iscsi:VolumeSource nfs:VolumeSource persistentVolumeClaim:VolumeSource photonPersistentDisk:VolumeSource portworxVolume:VolumeSource projected:VolumeSource quobyte:VolumeSource rbd:VolumeSource scaleIO:VolumeSource secret:VolumeSource storageos:VolumeSource vsphereVolume:VolumeSource
VolumeMount mountPropagation=~MountPropagationMode recursiveReadOnly=~RecursiveReadOnlyMode
VolumeMountStatus recursiveReadOnly=~RecursiveReadOnlyMode
VolumeResourceRequirements limits=~ResourceList requests=~ResourceList
`;

interface GoField {
  /** The structs that hold the field inside of the one that it seems to be in, from the outermost. */
  readonly via: readonly string[];
  /** Go's name of the type; undefined where it is a plain one. */
  readonly type: string | undefined;
}

let fieldsByStruct: ReadonlyMap<string, string> | undefined;

/** What is special about a field of a struct, by the name of its schema; undefined when nothing is. */
function goField(schemaName: string, field: string): GoField | undefined {
  if (!schemaName.startsWith("io.k8s.")) return undefined;
  fieldsByStruct ??= new Map(
    table
      .trim()
      .split("\n")
      .map((line): [string, string] => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" "))]),
  );
  const parts = schemaName.split(".");
  const fields = fieldsByStruct.get(parts.slice(-3).join(".")) ?? fieldsByStruct.get(parts.at(-1) ?? "");
  const found = fields
    ?.split(" ")
    .find((each) => each.startsWith(`${field}=`) || each.startsWith(`${field}:`));
  if (found === undefined) return undefined;
  const [, via = "", type] = /^[^=:]+(?::([^=]*))?(?:=(.*))?$/.exec(found) ?? [];
  return {
    via: via === "" ? [] : via.split("."),
    type: type?.replaceAll("~", `${parts.at(-2) ?? ""}.`),
  };
}

/** A step into a value: the name of a field, the index of an item, or the key of a map. */
export type GoStep =
  | { readonly type: "field"; readonly name: string }
  | { readonly type: "item" }
  | { readonly type: "entry" };

/**
 * The names of the fields on a way into an object, those of embedded structs included, and Go's name of the type at its
 * end, where that is not the plain one.
 */
export function goWay(
  schemas: SchemaSet,
  root: Schema,
  steps: readonly GoStep[],
): { readonly fields: string[]; readonly type: string | undefined } {
  const fields: string[] = [];
  let schema: Schema | undefined = root;
  let type: string | undefined;
  for (const step of steps) {
    const struct = schema?.ref ?? "";
    const resolved: Schema | undefined = schema === undefined ? undefined : resolveSchema(schemas, schema);
    switch (step.type) {
      case "field": {
        const known = goField(struct, step.name);
        fields.push(...(known?.via ?? []), step.name);
        schema = resolved?.properties?.[step.name];
        type = known?.type;
        break;
      }
      case "item":
        schema = resolved?.items;
        type = type?.startsWith("[]") === true ? type.slice(2) : undefined;
        break;
      case "entry":
        schema = resolved?.values;
        type = type?.startsWith("map[") === true ? type.slice(type.indexOf("]") + 1) : undefined;
    }
  }
  return { fields, type };
}
