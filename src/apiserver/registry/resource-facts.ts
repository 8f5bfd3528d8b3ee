import type { ResourceInfo } from "../../api/scheme.ts";
import type { GroupResource } from "../../apimachinery/gvk.ts";

/** A resource, built in or custom. */
type AnyResource = GroupResource & Pick<ResourceInfo, "custom">;

/** Facts of built-in resources that their schema does not tell; strategies may differ, and custom resources are all alike. */
const withGeneration = new Set([
  "/pods",
  "/podtemplates",
  "/replicationcontrollers",
  "admissionregistration.k8s.io/mutatingadmissionpolicies",
  "admissionregistration.k8s.io/mutatingadmissionpolicybindings",
  "admissionregistration.k8s.io/mutatingwebhookconfigurations",
  "admissionregistration.k8s.io/validatingadmissionpolicies",
  "admissionregistration.k8s.io/validatingadmissionpolicybindings",
  "admissionregistration.k8s.io/validatingwebhookconfigurations",
  "apiextensions.k8s.io/customresourcedefinitions",
  "apps/daemonsets",
  "apps/deployments",
  "apps/replicasets",
  "apps/statefulsets",
  "batch/cronjobs",
  "batch/jobs",
  "discovery.k8s.io/endpointslices",
  "flowcontrol.apiserver.k8s.io/flowschemas",
  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations",
  "networking.k8s.io/ingressclasses",
  "networking.k8s.io/ingresses",
  "networking.k8s.io/networkpolicies",
  "policy/poddisruptionbudgets",
  "resource.k8s.io/deviceclasses",
  "resource.k8s.io/devicetaintrules",
  "resource.k8s.io/resourceslices",
  "scheduling.k8s.io/priorityclasses",
  "storage.k8s.io/csidrivers",
]);

/** Whether the resource counts its generations: 1 at creation, one more with each change of what is wanted. */
export function hasGeneration({ group, resource, custom }: AnyResource): boolean {
  return custom !== undefined || withGeneration.has(`${group}/${resource}`);
}

/** Whether a change of what is wanted raises it; that of priority classes stays 1 for ever. */
export function raisesGeneration(resource: AnyResource): boolean {
  return hasGeneration(resource) && resource.resource !== "priorityclasses";
}

/** Resources whose delete answers with the deleted object, as OpenAPI tells; the others answer with a Status. */
const answersWithObject = new Set([
  "/persistentvolumeclaims",
  "/persistentvolumes",
  "/pods",
  "/podtemplates",
  "/resourcequotas",
  "/serviceaccounts",
  "/services",
  "resource.k8s.io/deviceclasses",
  "resource.k8s.io/devicetaintrules",
  "resource.k8s.io/resourceclaims",
  "resource.k8s.io/resourceclaimtemplates",
  "resource.k8s.io/resourceslices",
  "storage.k8s.io/csidrivers",
  "storage.k8s.io/csinodes",
  "storage.k8s.io/storageclasses",
  "storage.k8s.io/volumeattachments",
  "storage.k8s.io/volumeattributesclasses",
]);

export function deleteAnswersWithObject({ group, resource }: GroupResource): boolean {
  return answersWithObject.has(`${group}/${resource}`);
}

/** Resources that for back compatibility orphan their dependents unless the request says otherwise. */
const orphansByDefault = new Set(["/replicationcontrollers", "batch/jobs"]);

export function orphansDependentsByDefault({ group, resource }: GroupResource): boolean {
  return orphansByDefault.has(`${group}/${resource}`);
}

/** Resources that a PUT creates when they are absent, as their strategies in Kubernetes say. */
const createdOnUpdate = new Set([
  "/endpoints",
  "/events",
  "/limitranges",
  "/podtemplates",
  "/services",
  "coordination.k8s.io/leases",
  "events.k8s.io/events",
  "rbac.authorization.k8s.io/clusterrolebindings",
  "rbac.authorization.k8s.io/clusterroles",
  "rbac.authorization.k8s.io/rolebindings",
  "rbac.authorization.k8s.io/roles",
]);

export function isCreatedOnUpdate({ group, resource }: GroupResource): boolean {
  return createdOnUpdate.has(`${group}/${resource}`);
}

/** Resources that are never overwritten blindly: a PUT names the resourceVersion that it replaces. */
const needsResourceVersion = new Set([
  "admissionregistration.k8s.io/mutatingwebhookconfigurations",
  "admissionregistration.k8s.io/validatingadmissionpolicies",
  "admissionregistration.k8s.io/validatingadmissionpolicybindings",
  "admissionregistration.k8s.io/validatingwebhookconfigurations",
  "apiextensions.k8s.io/customresourcedefinitions",
  "apiregistration.k8s.io/apiservices",
  "coordination.k8s.io/leases",
  "flowcontrol.apiserver.k8s.io/flowschemas",
  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations",
  "node.k8s.io/runtimeclasses",
  "policy/poddisruptionbudgets",
  "storage.k8s.io/csidrivers",
  "storage.k8s.io/csinodes",
  "storage.k8s.io/csistoragecapacities",
  "storage.k8s.io/volumeattachments",
  "storagemigration.k8s.io/storageversionmigrations",
]);

export function allowsUnconditionalUpdate({ group, resource, custom }: AnyResource): boolean {
  return custom === undefined && !needsResourceVersion.has(`${group}/${resource}`);
}

/** Whether status is written only through its subresource. */
export function hasStatus(served: ResourceInfo): boolean {
  return served.subresources.some(({ name }) => name === "status");
}

/** Nodes bring their status along when they are made; of all others the server writes the first one. */
export function bringsStatus({ group, resource }: GroupResource): boolean {
  return group === "" && resource === "nodes";
}

/** Whether a change of annotations, or of labels, counts as a change of what is wanted. */
const alsoWanted = new Map<string, "annotations" | "labels">([
  ["apps/deployments", "annotations"],
  ["discovery.k8s.io/endpointslices", "labels"],
]);

export function metadataWanted({ group, resource }: GroupResource): "annotations" | "labels" | undefined {
  return alsoWanted.get(`${group}/${resource}`);
}

/** Metadata that a write of the status leaves alone; with most resources it may be changed there too. */
const metadataOfOthers = ["labels", "annotations", "finalizers", "ownerReferences"] as const;
const allMetadata = [...metadataOfOthers, "generateName"] as const;
type MetadataField = (typeof allMetadata)[number];

const keptByStatus = new Map<string, readonly MetadataField[]>([
  ["admissionregistration.k8s.io/validatingadmissionpolicies", metadataOfOthers],
  ["apiextensions.k8s.io/customresourcedefinitions", metadataOfOthers],
  ["apps/deployments", ["labels"]],
  ["flowcontrol.apiserver.k8s.io/flowschemas", allMetadata],
  ["flowcontrol.apiserver.k8s.io/prioritylevelconfigurations", allMetadata],
  ["certificates.k8s.io/podcertificaterequests", metadataOfOthers],
  ["networking.k8s.io/servicecidrs", metadataOfOthers],
  ["resource.k8s.io/devicetaintrules", metadataOfOthers],
  ["resource.k8s.io/resourceclaims", metadataOfOthers],
  ["storage.k8s.io/volumeattachments", metadataOfOthers],
  ["storagemigration.k8s.io/storageversionmigrations", metadataOfOthers],
]);

export function metadataKeptByStatus({ group, resource, custom }: AnyResource): readonly MetadataField[] {
  if (custom !== undefined) return allMetadata;
  return keptByStatus.get(`${group}/${resource}`) ?? [];
}
