import { forbidden, invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  qualifiedNameErrors,
} from "../../../apimachinery/names.ts";
import type {
  CSIPersistentVolumeSource,
  NodeSelector,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
  SecretReference,
} from "../../types/core-v1.ts";
import {
  checkName,
  checkOptionalName,
  type Errors,
  entries,
  immutable,
  isEmpty,
  list,
  oneOf,
  optionalOneOf,
  positiveQuantity,
  quantity,
  same,
  size,
  text,
} from "../basics.ts";
import { describeChange } from "../describe-change.ts";
import { checkLabelSelector } from "../label-selector.ts";
import { hasInvalidLabelValue } from "../pod/options.ts";
import { checkNoBacksteps } from "../pod/paths.ts";
import { checkBasicResource, checkResourceValue, isNative } from "../pod/resources.ts";
import { checkNodeSelector } from "../pod/scheduling.ts";
import { checkAccessModes, checkAccessModeValues, checkClaimSpec, volumeModes } from "./claim-spec.ts";
import {
  checkCsiDriverName,
  checkHostPath,
  checkIscsi,
  checkSecretRef,
  legacyVolumeChecks,
} from "./volume-sources.ts";

/** Persistent volumes and claims (mirrors pkg/apis/core/validation). */
type Source = Extract<
  keyof PersistentVolumeSpec,
  keyof typeof legacyVolumeChecks | "hostPath" | "iscsi" | "local" | "csi"
>;
type SourceCheck = (spec: PersistentVolumeSpec, path: string, errors: Errors, name: string) => void;

interface SourceKind {
  readonly field: Source;
  readonly shown?: string;
  readonly check: SourceCheck;
}

function kind<F extends Source>(
  field: F,
  check: (source: NonNullable<PersistentVolumeSpec[F]>, path: string, errors: Errors) => void,
  shown?: string,
): SourceKind {
  const apply: SourceCheck = (spec, path, errors) => {
    const source = spec[field];
    if (source !== undefined) check(source, `${path}.${field}`, errors);
  };
  return shown === undefined ? { field, check: apply } : { field, check: apply, shown };
}

const sourceKinds: readonly SourceKind[] = [
  kind("hostPath", checkHostPath),
  kind("gcePersistentDisk", (source, path, errors) => {
    const where = path.replace(/gcePersistentDisk$/, "persistentDisk");
    legacyVolumeChecks.gcePersistentDisk(source, where, errors);
  }),
  kind("awsElasticBlockStore", legacyVolumeChecks.awsElasticBlockStore),
  kind("glusterfs", (source, path, errors) => {
    legacyVolumeChecks.glusterfs(source, path, errors);
    const namespace = source.endpointsNamespace;
    if (namespace === "") {
      const detail = "if the endpointnamespace is set, it must be a valid namespace name";
      errors.push(invalid(`${path}.endpointsNamespace`, namespace, detail));
    } else checkOptionalName(namespace, dns1123LabelErrors, `${path}.endpointsNamespace`, errors);
  }),
  kind("flocker", legacyVolumeChecks.flocker),
  kind("nfs", legacyVolumeChecks.nfs),
  kind("rbd", legacyVolumeChecks.rbd),
  kind("quobyte", legacyVolumeChecks.quobyte),
  kind("cephfs", legacyVolumeChecks.cephfs, "cephFS"),
  {
    field: "iscsi",
    check: ({ iscsi }, path, errors, name) => {
      if (iscsi === undefined) return;
      checkIscsi(iscsi, "must be valid format", `${path}.iscsi`, errors);
      if (iscsi.secretRef !== undefined && isEmpty(iscsi.secretRef.name)) {
        errors.push(required(`${path}.iscsi.secretRef.name`));
      }
      if (iscsi.initiatorName === undefined || `${name}:${iscsi.targetPortal}`.length <= 64) return;
      const detail =
        "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
      errors.push(invalid(`${path}.iscsi.targetportal`, iscsi.targetPortal, detail));
    },
  },
  kind("cinder", (source, path, errors) => {
    legacyVolumeChecks.cinder({ volumeID: source.volumeID }, path, errors);
    checkSecretRef(source.secretRef, true, path, errors);
  }),
  kind("fc", legacyVolumeChecks.fc),
  kind("flexVolume", legacyVolumeChecks.flexVolume),
  kind("azureFile", (source, path, errors) => {
    legacyVolumeChecks.azureFile(source, path, errors);
    if (source.secretNamespace === "") errors.push(required(`${path}.secretNamespace`));
  }),
  kind("vsphereVolume", legacyVolumeChecks.vsphereVolume),
  kind("photonPersistentDisk", legacyVolumeChecks.photonPersistentDisk),
  kind("portworxVolume", legacyVolumeChecks.portworxVolume),
  kind("azureDisk", legacyVolumeChecks.azureDisk),
  kind("scaleIO", legacyVolumeChecks.scaleIO),
  {
    field: "local",
    check: ({ local, nodeAffinity }, path, errors) => {
      if (isEmpty(local?.path)) errors.push(required(`${path}.local.path`));
      else checkNoBacksteps(text(local?.path), `${path}.local.path`, errors);
      if (nodeAffinity === undefined) {
        errors.push(required(`${path}.nodeAffinity`, "Local volume requires node affinity"));
      }
    },
  },
  kind("storageos", (source, path, errors) => {
    const { volumeName, volumeNamespace } = source;
    legacyVolumeChecks.storageos({ volumeName, volumeNamespace }, path, errors);
    checkSecretRef(source.secretRef, true, path, errors);
  }),
  kind("csi", checkCsi),
];

const secretRefs = [
  "controllerPublishSecretRef",
  "controllerExpandSecretRef",
  "nodePublishSecretRef",
  "nodeExpandSecretRef",
] as const;

function checkCsi(csi: CSIPersistentVolumeSource, path: string, errors: Errors): void {
  checkCsiDriverName(csi.driver, `${path}.driver`, errors);
  if (isEmpty(csi.volumeHandle)) errors.push(required(`${path}.volumeHandle`));
  for (const field of secretRefs) {
    const reference = csi[field];
    if (reference !== undefined) checkSecretReference(reference, `${path}.${field}`, errors);
  }
}

function checkSecretReference({ name, namespace }: SecretReference, path: string, errors: Errors): void {
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  else checkName(text(name), dns1123SubdomainErrors, `${path}.name`, errors);
  if (isEmpty(namespace)) errors.push(required(`${path}.namespace`));
  else checkName(text(namespace), dns1123LabelErrors, `${path}.namespace`, errors);
}

const reclaimPolicies = ["Delete", "Recycle", "Retain"];

export function checkVolume(
  { metadata, spec }: PersistentVolume,
  errors: Errors,
  old?: PersistentVolume,
): void {
  const path = "spec";
  checkAccessModes(spec.accessModes, "", `${path}.accessModes`, errors);
  checkAccessModeValues(spec.accessModes, `${path}.accessModes`, errors);
  checkCapacity(spec.capacity, `${path}.capacity`, errors);
  if (!isEmpty(spec.persistentVolumeReclaimPolicy)) {
    const where = `${path}.persistentVolumeReclaimPolicy`;
    oneOf(text(spec.persistentVolumeReclaimPolicy), reclaimPolicies, where, errors);
  }
  if (spec.nodeAffinity !== undefined) {
    const anyValue = hasInvalidLabelValue(old?.spec.nodeAffinity?.required?.nodeSelectorTerms);
    checkRequiredNodes(spec.nodeAffinity.required, anyValue, `${path}.nodeAffinity.required`, errors);
  }
  checkSource(spec, text(metadata.name), path, errors);
  checkOptionalName(spec.storageClassName, dns1123SubdomainErrors, `${path}.storageClassName`, errors);
  optionalOneOf(spec.volumeMode, volumeModes, `${path}.volumeMode`, errors);
  checkAttributesClass(spec, `${path}.volumeAttributesClassName`, errors);
}

function checkCapacity(capacity: Record<string, string> | undefined, path: string, errors: Errors): void {
  if (size(capacity) === 0) errors.push(required(path));
  if (capacity?.["storage"] === undefined || size(capacity) > 1) {
    errors.push(notSupported(path, capacity ?? null, ["storage"]));
  }
  for (const [name, raw] of entries(capacity)) {
    const value = quantity(raw);
    checkBasicResource(value, `${path}[${name}]`, errors);
    positiveQuantity(value, `${path}[${name}]`, errors);
  }
}

function checkRequiredNodes(
  selector: NodeSelector | undefined,
  anyValue: boolean,
  path: string,
  errors: Errors,
): void {
  if (selector === undefined) errors.push(required(path, "must specify required node constraints"));
  else checkNodeSelector(selector, anyValue, path, errors);
}

export function checkSource(spec: PersistentVolumeSpec, name: string, path: string, errors: Errors): void {
  let sources = 0;
  for (const { field, shown, check } of sourceKinds) {
    if (spec[field] === undefined) continue;
    if (sources > 0 && field !== "flexVolume") {
      errors.push(forbidden(`${path}.${shown ?? field}`, "may not specify more than 1 volume type"));
    } else check(spec, path, errors, name);
    sources++;
  }
  if (sources === 0) errors.push(required(path, "must specify a volume type"));
  const isRoot = /^\/+(?:\.\/*)*$/.test(text(spec.hostPath?.path));
  if (isRoot && spec.persistentVolumeReclaimPolicy === "Recycle") {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbidden(`${path}.persistentVolumeReclaimPolicy`, detail));
  }
}

function checkAttributesClass(spec: PersistentVolumeSpec, path: string, errors: Errors): void {
  const name = spec.volumeAttributesClassName;
  if (name === undefined) return;
  if (name === "") errors.push(required(path, "an empty string is disallowed"));
  else checkName(name, dns1123SubdomainErrors, path, errors);
  if (spec.csi === undefined) {
    errors.push(required("spec.csi", "has to be specified when using volumeAttributesClassName"));
  }
}

const sourceFields = new Set<string>(sourceKinds.map(({ field }) => field));

function sourceOf(spec: PersistentVolumeSpec): Record<string, unknown> {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => sourceFields.has(field)));
}

export function checkVolumeUpdate(volume: PersistentVolume, old: PersistentVolume, errors: Errors): void {
  const { spec } = volume;
  const before = old.spec;
  // Kubernetes asks twice: as of a volume that is whole, and as of a change.
  checkVolume(volume, errors, old);
  checkVolume(volume, errors, old);
  const source = sourceOf(spec);
  // A secret for expansion may be named later than the volume was made.
  if (
    spec.csi !== undefined &&
    before.csi !== undefined &&
    before.csi.controllerExpandSecretRef === undefined
  ) {
    source["csi"] = { ...spec.csi, controllerExpandSecretRef: undefined };
  }
  if (!same(source, sourceOf(before))) {
    const change = describeChange("PersistentVolumeSource", sourceOf(before), source);
    const detail = `spec.persistentvolumesource is immutable after creation\n${change}`;
    errors.push(forbidden("spec.persistentvolumesource", detail));
  }
  immutable(spec.volumeMode, before.volumeMode, "volumeMode", errors);
  if (before.nodeAffinity !== undefined && !same(spec.nodeAffinity, withStableLabels(volume, old))) {
    const detail = "field is immutable, except for updating from beta label to GA";
    errors.push(invalid("nodeAffinity", spec.nodeAffinity, detail));
  }
  if (before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) {
    const detail = "update from non-nil value to nil is forbidden";
    errors.push(forbidden("spec.volumeAttributesClassName", detail));
  }
}

const stableLabels: Readonly<Record<string, string>> = {
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
  "beta.kubernetes.io/os": "kubernetes.io/os",
  "beta.kubernetes.io/arch": "kubernetes.io/arch",
  "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
};

/** The old node affinity with those labels renamed that the new one has renamed. */
function withStableLabels(volume: PersistentVolume, old: PersistentVolume): unknown {
  const now = volume.spec.nodeAffinity?.required?.nodeSelectorTerms;
  const before = old.spec.nodeAffinity;
  const nodeSelectorTerms = list(before?.required?.nodeSelectorTerms).map((term, index) => ({
    ...term,
    matchExpressions: list(term.matchExpressions).map((requirement, at) => {
      const key = list(list(now)[index]?.matchExpressions)[at]?.key;
      // Kubernetes looks the key up in its table, and finds the empty text for all that is not there.
      return key !== undefined && (stableLabels[requirement.key] ?? "") === key
        ? { ...requirement, key }
        : requirement;
    }),
  }));
  return before?.required === undefined ? before : { ...before, required: { nodeSelectorTerms } };
}

export function checkClaim(
  { spec }: PersistentVolumeClaim,
  errors: Errors,
  old?: PersistentVolumeClaim,
): void {
  const before = old?.spec;
  const selectorErrors: Errors = [];
  checkLabelSelector(before?.selector, "", selectorErrors);
  checkClaimSpec(spec, "spec", errors, {
    anySelectorValue: selectorErrors.length > 0,
    anyApiGroup: [before?.dataSource, before?.dataSourceRef].some(
      (source) => typeof source?.apiGroup === "string",
    ),
  });
}

const betaClassAnnotation = "volume.beta.kubernetes.io/storage-class";

export function checkClaimUpdate(
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
  errors: Errors,
): void {
  checkClaim(claim, errors, old);
  const isBound = claim.status?.phase === "Bound";
  const before: PersistentVolumeClaimSpec = { ...old.spec };
  const now: PersistentVolumeClaimSpec = { ...claim.spec };
  if (isEmpty(before.volumeName)) before.volumeName = now.volumeName;
  maskStorageClass(claim, old, now, errors);
  const oldStorage = old.spec.resources?.requests?.["storage"];
  if (isBound && now.resources?.requests !== undefined) {
    const requests = { ...now.resources.requests };
    if (oldStorage !== undefined) requests["storage"] = oldStorage;
    now.resources = { ...now.resources, requests };
  }
  if (isBound) {
    now.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!same(now, before)) {
    const detail = `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${describeChange("PersistentVolumeClaimSpec", before, now)}`;
    errors.push(forbidden("spec", detail));
  }
  const newSize = quantity(claim.spec.resources?.requests?.["storage"]);
  const capacity = quantity(old.status?.capacity?.["storage"]);
  if (newSize.compare(quantity(oldStorage)) < 0 && newSize.compare(capacity) <= 0) {
    const detail = "field can not be less than status.capacity";
    errors.push(forbidden("spec.resources.requests.storage", detail));
  }
  immutable(claim.spec.volumeMode, old.spec.volumeMode, "volumeMode", errors);
  checkAttributesClassUpdate(claim.spec, old, errors);
}

/** A claim without a class may get one, and that of the old annotation may become the field's. */
function maskStorageClass(
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
  now: PersistentVolumeClaimSpec,
  errors: Errors,
): void {
  const annotation = claim.metadata.annotations?.[betaClassAnnotation];
  const oldAnnotation = old.metadata.annotations?.[betaClassAnnotation];
  const name = claim.spec.storageClassName;
  if (old.spec.storageClassName === undefined && name !== undefined) {
    const isUpgrade =
      oldAnnotation !== undefined &&
      name === oldAnnotation &&
      (annotation === undefined || annotation === oldAnnotation);
    if (isUpgrade || oldAnnotation === undefined || name === oldAnnotation) now.storageClassName = undefined;
    if (isUpgrade) return;
  }
  if (text(annotation) === text(oldAnnotation)) return;
  const path = `metadata.annotations.${betaClassAnnotation}`;
  errors.push(invalid(path, text(annotation), "field is immutable"));
}

function checkAttributesClassUpdate(
  { volumeAttributesClassName: name }: PersistentVolumeClaimSpec,
  { spec, status }: PersistentVolumeClaim,
  errors: Errors,
): void {
  if (status?.currentVolumeAttributesClassName === undefined) return;
  if (spec.volumeAttributesClassName === name || (name !== undefined && name !== "")) return;
  const what = name === undefined ? "nil" : "empty string";
  const detail = `update to ${what} is forbidden when status.currentVolumeAttributesClassName is not nil`;
  errors.push(forbidden("spec.volumeAttributesClassName", detail));
}

const resizeStatuses = [
  "ControllerResizeInProgress",
  "ControllerResizeInfeasible",
  "NodeResizeInProgress",
  "NodeResizeInfeasible",
  "NodeResizePending",
].sort();

export function checkClaimStatus(claim: PersistentVolumeClaim, _old: unknown, errors: Errors): void {
  const { spec, status } = claim;
  if (list(spec.accessModes).length === 0) errors.push(required("Spec.accessModes"));
  for (const [name, raw] of entries(status?.capacity)) {
    checkBasicResource(quantity(raw), `status.capacity[${name}]`, errors);
  }
  const path = "status.allocatedResourceStatuses";
  for (const [name, value] of entries(status?.allocatedResourceStatuses)) {
    checkClaimResource(name, path, errors);
    if (!resizeStatuses.includes(value)) errors.push(notSupported(path, name, resizeStatuses));
  }
  for (const [name, raw] of entries(status?.allocatedResources)) {
    const before = errors.length;
    checkClaimResource(name, "status.allocatedResources", errors);
    if (errors.length > before) continue;
    const path = `status.allocatedResources[${name}]`;
    checkBasicResource(quantity(raw), path, errors);
    if (errors.length === before) checkResourceValue("storage", quantity(raw), path, errors);
  }
}

function checkClaimResource(name: string, path: string, errors: Errors): void {
  const before = errors.length;
  checkName(name, qualifiedNameErrors, path, errors);
  if (errors.length > before || !isNative(name) || name === "storage") return;
  errors.push(notSupported(path, name, ["storage"]));
}
