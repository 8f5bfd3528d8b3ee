import type { GroupVersionKind } from "../../../apimachinery/gvk.ts";
import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { dns1123LabelErrors } from "../../../apimachinery/names.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from "../../types/apps-v1.ts";
import type { CronJob, Job, JobSpec } from "../../types/batch-v1.ts";
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodTemplate,
  PodTemplateSpec,
  ReplicationController,
  Secret,
  Service,
} from "../../types/core-v1.ts";
import type { Ingress } from "../../types/networking-v1.ts";
import type { CSIDriver, StorageClass } from "../../types/storage-v1.ts";
import { isEmpty, list, same, text } from "../basics.ts";
import { emptySpec } from "../pod/spec.ts";
import { claimWarnings } from "./claim.ts";
import { ipWarnings } from "./ip.ts";
import {
  networkPolicyWarnings,
  resourceSliceWarnings,
  runtimeClassWarnings,
  serviceAccountWarnings,
  staticNameWarnings,
  storageCapacityWarnings,
} from "./others.ts";
import { nodeTermWarnings, podWarnings, templateWarnings } from "./pod.ts";

/** What is valid and still worth a word: deprecated fields, values that do not do what they seem to. */
type Warn<T> = (object: T, warnings: string[], old: T | undefined) => void;
type AnyWarn = Warn<UnstructuredObject>;

const rule = <T>(warn: Warn<T>): AnyWarn => warn as unknown as AnyWarn;

interface WithMetadata {
  readonly metadata: ObjectMeta;
}

/** Nobody writes pods by hand but once, and whatever writes them often shall not pay for it. */
function onCreate(warn: AnyWarn): AnyWarn {
  return (object, warnings, old) => {
    if (old === undefined) warn(object, warnings, old);
  };
}

/** Who changes a label hears nothing of the template. */
function whenSpecChanges(warn: AnyWarn): AnyWarn {
  return (object, warnings, old) => {
    if (isSpecNew(object, old)) warn(object, warnings, old);
  };
}

const isSpecNew = (object: WithMetadata, old: WithMetadata | undefined): boolean =>
  old === undefined || object.metadata.generation !== old.metadata.generation;

function makingPods<T extends WithMetadata>(templateOf: (object: T) => PodTemplateSpec | undefined): AnyWarn {
  return whenSpecChanges(
    rule<T>((object, warnings, old) => {
      if (old === undefined) nameWarnings(object.metadata.name, podNames, warnings);
      templateWarnings(templateOf(object), "spec.template", warnings);
    }),
  );
}

const podNames = "Pod names and hostnames";

function nameWarnings(name: string | undefined, use: string, warnings: string[]): void {
  const faults = dns1123LabelErrors(name ?? "");
  if (faults.length === 0) return;
  warnings.push(
    `metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${faults.join(" ")}]`,
  );
}

const endpointsDeprecated = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

const byKind: Readonly<Record<string, AnyWarn>> = {
  "/Pod": onCreate(
    rule<Pod>(({ metadata, spec }, warnings) => {
      nameWarnings(metadata.name, "the Pod's hostname", warnings);
      podWarnings(spec ?? emptySpec, metadata, "", warnings);
    }),
  ),
  "/PodTemplate": whenSpecChanges(
    rule<PodTemplate>(({ template }, warnings) => templateWarnings(template, "template", warnings)),
  ),
  // An update is warned of the template that it replaces.
  "/ReplicationController": whenSpecChanges(
    rule<ReplicationController>(({ metadata, spec }, warnings, old) => {
      if (old === undefined) nameWarnings(metadata.name, podNames, warnings);
      templateWarnings(old === undefined ? spec?.template : old.spec?.template, "spec.template", warnings);
    }),
  ),
  "apps/Deployment": makingPods<Deployment>(({ spec }) => spec?.template),
  "apps/ReplicaSet": makingPods<ReplicaSet>(({ spec }) => spec?.template),
  "apps/DaemonSet": rule<DaemonSet>(({ metadata, spec }, warnings, old) => {
    const count = "deprecated.daemonset.template.generation";
    if (old !== undefined && metadata.annotations?.[count] === old.metadata.annotations?.[count]) return;
    templateWarnings(spec?.template, "spec.template", warnings);
  }),
  "apps/StatefulSet": rule(statefulSetWarnings),
  "batch/Job": whenSpecChanges(rule(jobWarnings)),
  "batch/CronJob": rule(cronJobWarnings),
  "/Service": rule(serviceWarnings),
  "/Endpoints": (_object, warnings) => warnings.push(endpointsDeprecated),
  "/ComponentStatus": (_object, warnings) => warnings.push("v1 ComponentStatus is deprecated in v1.19+"),
  "/Node": rule(nodeWarnings),
  "/Secret": rule(secretWarnings),
  "/PersistentVolume": rule(volumeWarnings),
  "/PersistentVolumeClaim": rule<PersistentVolumeClaim>(({ metadata, spec }, warnings) => {
    if (metadata.annotations?.[betaClass] !== undefined) {
      warnings.push(
        `metadata.annotations[${betaClass}]: deprecated since v1.8; use "storageClassName" attribute instead`,
      );
    }
    claimWarnings(spec, "spec", warnings);
  }),
  "/ServiceAccount": rule(serviceAccountWarnings),
  "admissionregistration.k8s.io/MutatingAdmissionPolicy": rule(staticNameWarnings),
  "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": rule(staticNameWarnings),
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": rule(staticNameWarnings),
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": rule(staticNameWarnings),
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": rule(staticNameWarnings),
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": rule(staticNameWarnings),
  "networking.k8s.io/Ingress": onCreate(rule(ingressWarnings)),
  "networking.k8s.io/NetworkPolicy": rule(networkPolicyWarnings),
  "node.k8s.io/RuntimeClass": rule(runtimeClassWarnings),
  "resource.k8s.io/ResourceSlice": rule(resourceSliceWarnings),
  "storage.k8s.io/CSIDriver": rule(driverWarnings),
  "storage.k8s.io/CSIStorageCapacity": rule(storageCapacityWarnings),
  "storage.k8s.io/StorageClass": rule(storageClassWarnings),
};

/** Texts for Warning headers: deprecated fields, questionable values. */
export function warningsFor(
  { group, kind }: GroupVersionKind,
  object: UnstructuredObject,
  old: UnstructuredObject | undefined,
): string[] {
  const warn = byKind[`${group}/${kind}`];
  if (warn === undefined) return [];
  const warnings: string[] = [];
  warn(object, warnings, old);
  return warnings;
}

const betaClass = "volume.beta.kubernetes.io/storage-class";

function statefulSetWarnings(object: StatefulSet, warnings: string[], old: StatefulSet | undefined): void {
  const { spec } = object;
  if (isSpecNew(object, old)) {
    templateWarnings(spec?.template, "spec.template", warnings);
  }
  list(spec?.volumeClaimTemplates).forEach((claim, index) => {
    // An update names the field as Go does.
    const field = old === undefined ? "spec" : "Spec";
    claimWarnings(claim.spec, `spec.volumeClaimTemplates[${index}].${field}`, warnings);
  });
  if ((spec?.revisionHistoryLimit ?? 0) < 0) {
    warnings.push(
      "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended",
    );
  }
}

const completionsSoftMax = 10_000;

function jobWarnings({ metadata, spec }: Job, warnings: string[], old: Job | undefined): void {
  if (old === undefined) nameWarnings(metadata.name, podNames, warnings);
  jobSpecWarnings(spec, "spec", warnings);
}

function jobSpecWarnings(spec: JobSpec | undefined, path: string, warnings: string[]): void {
  const { completions = 0, parallelism = 0, completionMode } = spec ?? {};
  if (completionMode === "Indexed" && completions > 100_000 && parallelism > completionsSoftMax) {
    warnings.push(
      `${path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
    );
  }
  templateWarnings(spec?.template, `${path}.template`, warnings);
}

function cronJobWarnings(object: CronJob, warnings: string[], old: CronJob | undefined): void {
  const { metadata, spec } = object;
  if (old === undefined) nameWarnings(metadata.name, podNames, warnings);
  if (isSpecNew(object, old)) {
    jobSpecWarnings(spec?.jobTemplate?.spec, "spec.jobTemplate.spec", warnings);
  }
  if (old !== undefined && text(spec?.schedule).includes("TZ")) {
    warnings.push(
      "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
    );
  }
}

function serviceWarnings({ metadata, spec }: Service, warnings: string[]): void {
  if (metadata.annotations?.["service.kubernetes.io/topology-aware-hints"] !== undefined) {
    warnings.push(
      "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
    );
  }
  const isHeadless = spec.type === "ClusterIP" && spec.clusterIP === "None";
  const externalIps = list(spec.externalIPs);
  if (!isHeadless && spec.type !== "ExternalName") {
    list(spec.clusterIPs).forEach((address, index) => {
      ipWarnings(address, `spec.clusterIPs[${index}]`, warnings);
    });
  }
  if (isHeadless) {
    if (!isEmpty(spec.loadBalancerIP)) warnings.push("spec.loadBalancerIP is ignored for headless services");
    if (externalIps.length > 0) warnings.push("spec.externalIPs is ignored for headless services");
    if (spec.sessionAffinity !== undefined && spec.sessionAffinity !== "None") {
      warnings.push("spec.SessionAffinity is ignored for headless services");
    }
  }
  externalIps.forEach((address, index) => {
    ipWarnings(address, `spec.externalIPs[${index}]`, warnings);
  });
  if (externalIps.length > 0 && !isHeadless && spec.type !== "ExternalName") {
    warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  }
  ipWarnings(spec.loadBalancerIP, "spec.loadBalancerIP", warnings);
  if (spec.type === "ExternalName" && externalIps.length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  if (spec.type !== "ExternalName" && !isEmpty(spec.externalName)) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  if (spec.trafficDistribution === "PreferClose") {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  }
}

function nodeWarnings({ spec }: Node, warnings: string[]): void {
  if (spec?.configSource !== undefined) warnings.push("spec.configSource: the feature is removed");
  if (!isEmpty(spec?.externalID)) {
    warnings.push("spec.externalID: this field is deprecated, and is unused by Kubernetes");
  }
}

function secretWarnings({ type, data }: Secret, warnings: string[]): void {
  if (type !== "kubernetes.io/tls") return;
  for (const [key, what] of [
    ["tls.crt", "certificate"],
    ["tls.key", "key"],
  ] as const) {
    const pem = Buffer.from(text(data?.[key]), "base64").toString("latin1");
    if (pem.includes("-----BEGIN ")) continue;
    warnings.push(`tls: failed to find any PEM data in ${what} input`);
    return;
  }
}

function volumeWarnings({ metadata, spec }: PersistentVolume, warnings: string[]): void {
  if (metadata.annotations?.[betaClass] !== undefined) {
    warnings.push(
      `metadata.annotations[${betaClass}]: deprecated since v1.8; use "storageClassName" attribute instead`,
    );
  }
  if (metadata.annotations?.["volume.beta.kubernetes.io/mount-options"] !== undefined) {
    warnings.push(
      'metadata.annotations[volume.beta.kubernetes.io/mount-options]: deprecated since v1.31; use "mountOptions" attribute instead',
    );
  }
  if (spec?.persistentVolumeReclaimPolicy === "Recycle") {
    warnings.push(
      "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
    );
  }
  list(spec?.nodeAffinity?.required?.nodeSelectorTerms).forEach((term, index) => {
    nodeTermWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`, warnings);
  });
}

const ingressClass = "kubernetes.io/ingress.class";

function ingressWarnings({ metadata, spec }: Ingress, warnings: string[]): void {
  if (metadata.annotations?.[ingressClass] !== undefined && spec.ingressClassName === undefined) {
    warnings.push(`annotation "${ingressClass}" is deprecated, please use 'spec.ingressClassName' instead`);
  }
}

function storageClassWarnings({ allowedTopologies }: StorageClass, warnings: string[]): void {
  list(allowedTopologies).forEach(({ matchLabelExpressions }, index) => {
    const matchExpressions = list(matchLabelExpressions).map(({ key }) => ({ key, operator: "In" }));
    const found: string[] = [];
    nodeTermWarnings({ matchExpressions }, `allowedTopologies[${index}]`, found);
    warnings.push(...found.map((one) => one.replace(".matchExpressions[", ".matchLabelExpressions[")));
  });
}

function driverWarnings({ spec }: CSIDriver, warnings: string[], old: CSIDriver | undefined): void {
  if (list(spec.tokenRequests).length === 0 || spec.serviceAccountTokenInSecrets !== undefined) return;
  if (old !== undefined && same(spec.tokenRequests, old.spec.tokenRequests)) return;
  warnings.push(
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes",
  );
}
