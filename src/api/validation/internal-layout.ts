import { isObject } from "../../apimachinery/json.ts";

/**
 * Where Kubernetes shows what has changed in an object, it shows its internal types: with Go's names, in the order of their
 * fields, and with all that is empty. A line is a type; a field is `GoName`, `=` its name in v1 where it does not follow from
 * Go's, and `:` its type where it is no text: `n`umber, `b`oolean, `j`SON as it is, `?` by pointer, `[]` list, `{}` map, else
 * another line. `+Type` is embedded. (Facts of k8s.io/kubernetes/pkg/apis/core and certificates, 1.36.)
 */
const layouts = `
AWSElasticBlockStoreVolumeSource VolumeID FSType Partition:n ReadOnly:b
Affinity NodeAffinity:?NodeAffinity PodAffinity:?PodAffinity PodAntiAffinity:?PodAntiAffinity
AppArmorProfile Type LocalhostProfile:?s
AzureDiskVolumeSource DiskName DataDiskURI=diskURI CachingMode:?s FSType:?s ReadOnly:?b Kind:?s
AzureFilePersistentVolumeSource SecretName ShareName ReadOnly:b SecretNamespace:?s
AzureFileVolumeSource SecretName ShareName ReadOnly:b
CSIPersistentVolumeSource Driver VolumeHandle ReadOnly:b FSType VolumeAttributes:{}s ControllerPublishSecretRef:?SecretReference NodeStageSecretRef:?SecretReference NodePublishSecretRef:?SecretReference ControllerExpandSecretRef:?SecretReference NodeExpandSecretRef:?SecretReference
CSIVolumeSource Driver ReadOnly:?b FSType:?s VolumeAttributes:{}s NodePublishSecretRef:?LocalObjectReference
Capabilities Add:[]s Drop:[]s
CephFSPersistentVolumeSource Monitors:[]s Path User SecretFile SecretRef:?SecretReference ReadOnly:b
CephFSVolumeSource Monitors:[]s Path User SecretFile SecretRef:?LocalObjectReference ReadOnly:b
CertificateSigningRequestCondition Type Status Reason Message LastUpdateTime:j LastTransitionTime:j
CinderPersistentVolumeSource VolumeID FSType ReadOnly:b SecretRef:?SecretReference
CinderVolumeSource VolumeID FSType ReadOnly:b SecretRef:?LocalObjectReference
ClusterTrustBundleProjection Name:?s SignerName:?s LabelSelector:?j Optional:?b Path
ConfigMapEnvSource +LocalObjectReference Optional:?b
ConfigMapKeySelector +LocalObjectReference Key Optional:?b
ConfigMapProjection +LocalObjectReference Items:[]KeyToPath Optional:?b
ConfigMapVolumeSource +LocalObjectReference Items:[]KeyToPath DefaultMode:?n Optional:?b
Container Name Image Command:[]s Args:[]s WorkingDir Ports:[]ContainerPort EnvFrom:[]EnvFromSource Env:[]EnvVar Resources:ResourceRequirements ResizePolicy:[]ContainerResizePolicy RestartPolicy:?s RestartPolicyRules:[]ContainerRestartRule VolumeMounts:[]VolumeMount VolumeDevices:[]VolumeDevice LivenessProbe:?Probe ReadinessProbe:?Probe StartupProbe:?Probe Lifecycle:?Lifecycle TerminationMessagePath TerminationMessagePolicy ImagePullPolicy SecurityContext:?SecurityContext Stdin:b StdinOnce:b TTY:b
ContainerPort Name HostPort:n ContainerPort:n Protocol HostIP
ContainerResizePolicy ResourceName RestartPolicy
ContainerRestartRule Action ExitCodes:?ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes Operator Values:[]n
DownwardAPIProjection Items:[]DownwardAPIVolumeFile
DownwardAPIVolumeFile Path FieldRef:?ObjectFieldSelector ResourceFieldRef:?ResourceFieldSelector Mode:?n
DownwardAPIVolumeSource Items:[]DownwardAPIVolumeFile DefaultMode:?n
EmptyDirVolumeSource Medium SizeLimit:?j
EnvFromSource Prefix ConfigMapRef:?ConfigMapEnvSource SecretRef:?SecretEnvSource
EnvVar Name Value ValueFrom:?EnvVarSource
EnvVarSource FieldRef:?ObjectFieldSelector ResourceFieldRef:?ResourceFieldSelector ConfigMapKeyRef:?ConfigMapKeySelector SecretKeyRef:?SecretKeySelector FileKeyRef:?FileKeySelector
EphemeralContainer +EphemeralContainerCommon TargetContainerName
EphemeralContainerCommon Name Image Command:[]s Args:[]s WorkingDir Ports:[]ContainerPort EnvFrom:[]EnvFromSource Env:[]EnvVar Resources:ResourceRequirements ResizePolicy:[]ContainerResizePolicy RestartPolicy:?s RestartPolicyRules:[]ContainerRestartRule VolumeMounts:[]VolumeMount VolumeDevices:[]VolumeDevice LivenessProbe:?Probe ReadinessProbe:?Probe StartupProbe:?Probe Lifecycle:?Lifecycle TerminationMessagePath TerminationMessagePolicy ImagePullPolicy SecurityContext:?SecurityContext Stdin:b StdinOnce:b TTY:b
EphemeralVolumeSource VolumeClaimTemplate:?PersistentVolumeClaimTemplate
ExecAction Command:[]s
FCVolumeSource TargetWWNs:[]s Lun:?n FSType ReadOnly:b WWIDs=wwids:[]s
FileKeySelector VolumeName Path Key Optional:?b
FlexPersistentVolumeSource Driver FSType SecretRef:?SecretReference ReadOnly:b Options:{}s
FlexVolumeSource Driver FSType SecretRef:?LocalObjectReference ReadOnly:b Options:{}s
FlockerVolumeSource DatasetName DatasetUUID
GCEPersistentDiskVolumeSource PDName FSType Partition:n ReadOnly:b
GRPCAction Port:n Service:?s
GitRepoVolumeSource Repository Revision Directory
GlusterfsPersistentVolumeSource EndpointsName=endpoints Path ReadOnly:b EndpointsNamespace:?s
GlusterfsVolumeSource EndpointsName=endpoints Path ReadOnly:b
HTTPGetAction Path Port:j Host Scheme HTTPHeaders:[]HTTPHeader
HTTPHeader Name Value
HostAlias IP Hostnames:[]s
HostPathVolumeSource Path Type:?s
ISCSIPersistentVolumeSource TargetPortal IQN Lun:n ISCSIInterface FSType ReadOnly:b Portals:[]s DiscoveryCHAPAuth=chapAuthDiscovery:b SessionCHAPAuth=chapAuthSession:b SecretRef:?SecretReference InitiatorName:?s
ISCSIVolumeSource TargetPortal IQN Lun:n ISCSIInterface FSType ReadOnly:b Portals:[]s DiscoveryCHAPAuth=chapAuthDiscovery:b SessionCHAPAuth=chapAuthSession:b SecretRef:?LocalObjectReference InitiatorName:?s
ImageVolumeSource Reference PullPolicy
KeyToPath Key Path Mode:?n
Lifecycle PostStart:?LifecycleHandler PreStop:?LifecycleHandler StopSignal:?s
LifecycleHandler Exec:?ExecAction HTTPGet:?HTTPGetAction TCPSocket:?TCPSocketAction Sleep:?SleepAction
LocalObjectReference Name
LocalVolumeSource Path FSType:?s
NFSVolumeSource Server Path ReadOnly:b
NodeAffinity RequiredDuringSchedulingIgnoredDuringExecution:?NodeSelector PreferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm
NodeSelector NodeSelectorTerms:[]NodeSelectorTerm
NodeSelectorRequirement Key Operator Values:[]s
NodeSelectorTerm MatchExpressions:[]NodeSelectorRequirement MatchFields:[]NodeSelectorRequirement
ObjectFieldSelector APIVersion FieldPath
ObjectReference Kind Namespace Name UID APIVersion ResourceVersion FieldPath
PersistentVolumeClaimSpec AccessModes:[]s Selector:?j Resources:VolumeResourceRequirements VolumeName StorageClassName:?s VolumeMode:?s DataSource:?TypedLocalObjectReference DataSourceRef:?TypedObjectReference VolumeAttributesClassName:?s
PersistentVolumeClaimTemplate +ObjectMeta Spec:PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource ClaimName ReadOnly:b
PersistentVolumeSource GCEPersistentDisk:?GCEPersistentDiskVolumeSource AWSElasticBlockStore:?AWSElasticBlockStoreVolumeSource HostPath:?HostPathVolumeSource Glusterfs:?GlusterfsPersistentVolumeSource NFS:?NFSVolumeSource RBD:?RBDPersistentVolumeSource Quobyte:?QuobyteVolumeSource ISCSI:?ISCSIPersistentVolumeSource FlexVolume:?FlexPersistentVolumeSource Cinder:?CinderPersistentVolumeSource CephFS=cephfs:?CephFSPersistentVolumeSource FC:?FCVolumeSource Flocker:?FlockerVolumeSource AzureFile:?AzureFilePersistentVolumeSource VsphereVolume:?VsphereVirtualDiskVolumeSource AzureDisk:?AzureDiskVolumeSource PhotonPersistentDisk:?PhotonPersistentDiskVolumeSource PortworxVolume:?PortworxVolumeSource ScaleIO:?ScaleIOPersistentVolumeSource Local:?LocalVolumeSource StorageOS=storageos:?StorageOSPersistentVolumeSource CSI:?CSIPersistentVolumeSource
PhotonPersistentDiskVolumeSource PdID FSType
PodAffinity RequiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm PreferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodAffinityTerm LabelSelector:?j Namespaces:[]s TopologyKey NamespaceSelector:?j MatchLabelKeys:[]s MismatchLabelKeys:[]s
PodAntiAffinity RequiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm PreferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodCertificateProjection SignerName KeyType MaxExpirationSeconds:?n CredentialBundlePath KeyPath CertificateChainPath UserAnnotations:{}s
PodDNSConfig Nameservers:[]s Searches:[]s Options:[]PodDNSConfigOption
PodDNSConfigOption Name Value:?s
PodOS Name
PodReadinessGate ConditionType
PodResourceClaim Name ResourceClaimName:?s ResourceClaimTemplateName:?s
PodSchedulingGate Name
PodSchedulingGroup PodGroupName:?s
PodSecurityContext HostNetwork:b HostPID:b HostIPC:b ShareProcessNamespace:?b HostUsers:?b SELinuxOptions:?SELinuxOptions WindowsOptions:?WindowsSecurityContextOptions RunAsUser:?n RunAsGroup:?n RunAsNonRoot:?b SupplementalGroups:[]n SupplementalGroupsPolicy:?s FSGroup:?n FSGroupChangePolicy:?s Sysctls:[]Sysctl SeccompProfile:?SeccompProfile AppArmorProfile:?AppArmorProfile SELinuxChangePolicy:?s
PodSpec Volumes:[]Volume InitContainers:[]Container Containers:[]Container EphemeralContainers:[]EphemeralContainer RestartPolicy TerminationGracePeriodSeconds:?n ActiveDeadlineSeconds:?n DNSPolicy NodeSelector:{}s ServiceAccountName AutomountServiceAccountToken:?b NodeName SecurityContext:?PodSecurityContext ImagePullSecrets:[]LocalObjectReference Hostname Subdomain SetHostnameAsFQDN:?b Affinity:?Affinity SchedulerName Tolerations:[]Toleration HostAliases:[]HostAlias PriorityClassName Priority:?n PreemptionPolicy:?s DNSConfig:?PodDNSConfig ReadinessGates:[]PodReadinessGate RuntimeClassName:?s Overhead:{}j EnableServiceLinks:?b TopologySpreadConstraints:[]TopologySpreadConstraint OS:?PodOS SchedulingGates:[]PodSchedulingGate ResourceClaims:[]PodResourceClaim Resources:?ResourceRequirements HostnameOverride:?s SchedulingGroup:?PodSchedulingGroup
PortworxVolumeSource VolumeID FSType ReadOnly:b
PreferredSchedulingTerm Weight:n Preference:NodeSelectorTerm
Probe +ProbeHandler InitialDelaySeconds:n TimeoutSeconds:n PeriodSeconds:n SuccessThreshold:n FailureThreshold:n TerminationGracePeriodSeconds:?n
ProbeHandler Exec:?ExecAction HTTPGet:?HTTPGetAction TCPSocket:?TCPSocketAction GRPC:?GRPCAction
ProjectedVolumeSource Sources:[]VolumeProjection DefaultMode:?n
QuobyteVolumeSource Registry Volume ReadOnly:b User Group Tenant
RBDPersistentVolumeSource CephMonitors=monitors:[]s RBDImage=image FSType RBDPool=pool RadosUser=user Keyring SecretRef:?SecretReference ReadOnly:b
RBDVolumeSource CephMonitors=monitors:[]s RBDImage=image FSType RBDPool=pool RadosUser=user Keyring SecretRef:?LocalObjectReference ReadOnly:b
ResourceClaim Name Request
ResourceFieldSelector ContainerName Resource Divisor:j
ResourceRequirements Limits:{}j Requests:{}j Claims:[]ResourceClaim
SELinuxOptions User Role Type Level
ScaleIOPersistentVolumeSource Gateway System SecretRef:?SecretReference SSLEnabled:b ProtectionDomain StoragePool StorageMode VolumeName FSType ReadOnly:b
ScaleIOVolumeSource Gateway System SecretRef:?LocalObjectReference SSLEnabled:b ProtectionDomain StoragePool StorageMode VolumeName FSType ReadOnly:b
SeccompProfile Type LocalhostProfile:?s
SecretEnvSource +LocalObjectReference Optional:?b
SecretKeySelector +LocalObjectReference Key Optional:?b
SecretProjection +LocalObjectReference Items:[]KeyToPath Optional:?b
SecretReference Name Namespace
SecretVolumeSource SecretName Items:[]KeyToPath DefaultMode:?n Optional:?b
SecurityContext Capabilities:?Capabilities Privileged:?b SELinuxOptions:?SELinuxOptions WindowsOptions:?WindowsSecurityContextOptions RunAsUser:?n RunAsGroup:?n RunAsNonRoot:?b ReadOnlyRootFilesystem:?b AllowPrivilegeEscalation:?b ProcMount:?s SeccompProfile:?SeccompProfile AppArmorProfile:?AppArmorProfile
ServiceAccountTokenProjection Audience ExpirationSeconds:n Path
SleepAction Seconds:n
StorageOSPersistentVolumeSource VolumeName VolumeNamespace FSType ReadOnly:b SecretRef:?ObjectReference
StorageOSVolumeSource VolumeName VolumeNamespace FSType ReadOnly:b SecretRef:?LocalObjectReference
Sysctl Name Value
TCPSocketAction Port:j Host
Toleration Key Operator Value Effect TolerationSeconds:?n
TopologySpreadConstraint MaxSkew:n TopologyKey WhenUnsatisfiable LabelSelector:?j MinDomains:?n NodeAffinityPolicy:?s NodeTaintsPolicy:?s MatchLabelKeys:[]s
TypedLocalObjectReference APIGroup:?s Kind Name
TypedObjectReference APIGroup:?s Kind Name Namespace:?s
Volume Name +VolumeSource
VolumeDevice Name DevicePath
VolumeMount Name ReadOnly:b RecursiveReadOnly:?s MountPath SubPath MountPropagation:?s SubPathExpr
VolumeProjection Secret:?SecretProjection DownwardAPI:?DownwardAPIProjection ConfigMap:?ConfigMapProjection ServiceAccountToken:?ServiceAccountTokenProjection ClusterTrustBundle:?ClusterTrustBundleProjection PodCertificate:?PodCertificateProjection
VolumeResourceRequirements Limits:{}j Requests:{}j
VolumeSource HostPath:?HostPathVolumeSource EmptyDir:?EmptyDirVolumeSource GCEPersistentDisk:?GCEPersistentDiskVolumeSource AWSElasticBlockStore:?AWSElasticBlockStoreVolumeSource GitRepo:?GitRepoVolumeSource Secret:?SecretVolumeSource NFS:?NFSVolumeSource ISCSI:?ISCSIVolumeSource Glusterfs:?GlusterfsVolumeSource PersistentVolumeClaim:?PersistentVolumeClaimVolumeSource RBD:?RBDVolumeSource Quobyte:?QuobyteVolumeSource FlexVolume:?FlexVolumeSource Cinder:?CinderVolumeSource CephFS=cephfs:?CephFSVolumeSource Flocker:?FlockerVolumeSource DownwardAPI:?DownwardAPIVolumeSource FC:?FCVolumeSource AzureFile:?AzureFileVolumeSource ConfigMap:?ConfigMapVolumeSource VsphereVolume:?VsphereVirtualDiskVolumeSource AzureDisk:?AzureDiskVolumeSource PhotonPersistentDisk:?PhotonPersistentDiskVolumeSource Projected:?ProjectedVolumeSource PortworxVolume:?PortworxVolumeSource ScaleIO:?ScaleIOVolumeSource StorageOS=storageos:?StorageOSVolumeSource CSI:?CSIVolumeSource Ephemeral:?EphemeralVolumeSource Image:?ImageVolumeSource
VsphereVirtualDiskVolumeSource VolumePath FSType StoragePolicyName StoragePolicyID
WeightedPodAffinityTerm Weight:n PodAffinityTerm:PodAffinityTerm
WindowsSecurityContextOptions GMSACredentialSpecName:?s GMSACredentialSpec:?s RunAsUserName:?s HostProcess:?b
`;

interface Field {
  readonly name: string;
  readonly key: string;
  readonly type: string;
}

let table: ReadonlyMap<string, readonly Field[]> | undefined;

/** The value, of the v1 type, as Go prints the internal type as JSON. */
export function asInternal(type: string, value: unknown): unknown {
  if (type.startsWith("?"))
    return value === undefined || value === null ? null : asInternal(type.slice(1), value);
  if (type.startsWith("[]")) return listOf(type.slice(2), value);
  if (type.startsWith("{}")) return mapOf(type.slice(2), value);
  switch (type) {
    case "s":
      return value ?? "";
    case "n":
      return value ?? 0;
    case "b":
      return value ?? false;
    case "j":
      return value ?? null;
    default:
      return structOf(type, isObject(value) ? value : {});
  }
}

function listOf(type: string, value: unknown): unknown {
  return Array.isArray(value) ? value.map((item) => asInternal(type, item)) : null;
}

/** Go prints maps in the order of their keys. */
function mapOf(type: string, value: unknown): unknown {
  if (!isObject(value)) return null;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, asInternal(type, member)]));
}

function structOf(type: string, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // Metadata is embedded in the template of a claim, and has a field of its own in v1.
  if (type === "ObjectMeta") return isObject(value["metadata"]) ? value["metadata"] : {};
  table ??= parse(layouts);
  const shown: Record<string, unknown> = {};
  for (const { name, key, type: member } of table.get(type) ?? []) {
    if (name === "") Object.assign(shown, structOf(member, value));
    else shown[name] = zeroOf(name, member, value[key]) ?? asInternal(member, value[key]);
  }
  return shown;
}

/** The two types that say their zero themselves. */
function zeroOf(name: string, type: string, value: unknown): unknown {
  if (type !== "j" || value !== undefined) return undefined;
  return { Port: 0, Divisor: "0" }[name];
}

function parse(text: string): Map<string, readonly Field[]> {
  const lines = text.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [type = "", ...fields] = line.split(" ");
      return [type, fields.map(parseField)];
    }),
  );
}

function parseField(text: string): Field {
  if (text.startsWith("+")) return { name: "", key: "", type: text.slice(1) };
  const [, name = "", key, type = "s"] = /^(\w+)(?:=(\w+))?(?::(.*))?$/.exec(text) ?? [];
  return { name, key: key ?? keyOf(name), type };
}

/** `DNSPolicy` → `dnsPolicy`. */
const keyOf = (name: string): string =>
  name.replace(/^(?:[A-Z]+(?=[A-Z][a-z]|$)|[A-Z])/, (start) => start.toLowerCase());

/** A pod's spec as the internal type has it: what of the node it shares stands with the security context. */
export function internalPodSpec(spec: Readonly<Record<string, unknown>>): unknown {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers } = spec;
  const context = isObject(spec["securityContext"]) ? spec["securityContext"] : {};
  const shared = { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers };
  return asInternal("PodSpec", { ...spec, securityContext: { ...context, ...shared } });
}
