import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from "../../../apimachinery/field-error.ts";
import {
  dns1123SubdomainErrors,
  inclusiveRangeError,
  qualifiedNameErrors,
} from "../../../apimachinery/names.ts";
import type { TopologySelectorTerm } from "../../types/core-v1.ts";
import type {
  CSIDriver,
  CSIDriverSpec,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttachmentStatus,
  VolumeAttributesClass,
} from "../../types/storage-v1.ts";
import {
  checkName,
  checkQualifiedName,
  type Errors,
  entries,
  immutable,
  immutableMessage,
  isEmpty,
  isNegativeMessage,
  list,
  oneOf,
  optionalOneOf,
  quantity,
  same,
  size,
  text,
} from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";
import { byteLength } from "../object-meta.ts";
import { checkInlineVolume } from "./inline-volume.ts";
import { checkCsiDriverName } from "./volume-sources.ts";

/** The kinds of storage.k8s.io (mirrors pkg/apis/storage/validation). */
const parametersMax = 512;
const parameterBytesMax = 256 * 1024;
const attachmentMetadataMax = 256 * 1024;
const errorMessageMax = 1024;

function checkProvisioner(provisioner: string | undefined, path: string, errors: Errors): void {
  if (isEmpty(provisioner)) errors.push(required(path, text(provisioner)));
  else checkName(text(provisioner).toLowerCase(), qualifiedNameErrors, path, errors);
}

function checkParameters(
  parameters: Readonly<Record<string, string>> | undefined,
  allowEmpty: boolean,
  path: string,
  errors: Errors,
): void {
  if (size(parameters) > parametersMax) {
    errors.push(tooLong(path, parametersMax));
    return;
  }
  let bytes = 0;
  for (const [key, value] of entries(parameters)) {
    if (key === "") errors.push(invalid(path, key, "field can not be empty."));
    bytes += byteLength(key) + byteLength(value);
  }
  if (bytes > parameterBytesMax) errors.push(tooLong(path, parameterBytesMax));
  if (!allowEmpty && size(parameters) === 0) {
    errors.push(required(path, "must contain at least one key/value pair"));
  }
}

export function checkStorageClass(storageClass: StorageClass, errors: Errors): void {
  checkProvisioner(storageClass.provisioner, "provisioner", errors);
  checkParameters(storageClass.parameters, true, "parameters", errors);
  const policy = text(storageClass.reclaimPolicy);
  if (policy !== "") optionalOneOf(policy, ["Delete", "Retain"], "reclaimPolicy", errors);
  const modes = ["Immediate", "WaitForFirstConsumer"];
  const mode = storageClass.volumeBindingMode;
  if (mode === undefined) errors.push(required("volumeBindingMode"));
  else oneOf(mode, modes, "volumeBindingMode", errors);
  checkTopologies(storageClass.allowedTopologies, errors);
}

function checkTopologies(terms: readonly TopologySelectorTerm[] | undefined, errors: Errors): void {
  // Kubernetes compares with as many empty terms as there are terms, and then with the terms before.
  const shapes: string[] = list(terms).map(() => "[]");
  list(terms).forEach(({ matchLabelExpressions }, index) => {
    const path = `allowedTopologies[${index}].matchLabelExpressions`;
    const valuesOf = new Map<string, readonly string[]>();
    list(matchLabelExpressions).forEach(({ key, values }, at) => {
      const where = `${path}[${at}]`;
      const found = list(values);
      if (found.length === 0) errors.push(required(`${where}.values`));
      found.forEach((value, which) => {
        if (found.indexOf(value) < which) errors.push(duplicate(`${where}.values[${which}]`, value));
      });
      checkQualifiedName(key, `${where}.key`, errors);
      if (valuesOf.has(key)) errors.push(duplicate(`${where}.key`, key));
      valuesOf.set(key, [...new Set(found)].sort());
    });
    const shape = JSON.stringify([...valuesOf].sort(([one], [other]) => (one < other ? -1 : 1)));
    for (const other of shapes) if (other === shape) errors.push(duplicate(path, ""));
    shapes.push(shape);
  });
}

export function checkStorageClassUpdate(now: StorageClass, old: StorageClass, errors: Errors): void {
  checkStorageClass(now, errors);
  immutable(now.parameters, old.parameters, "parameters", errors);
  immutable(text(now.provisioner), text(old.provisioner), "provisioner", errors);
  for (const field of ["reclaimPolicy", "volumeBindingMode"] as const) {
    if (now[field] !== old[field]) errors.push(invalid(field, now[field], immutableMessage));
  }
}

export function checkAttributesClass(one: VolumeAttributesClass, errors: Errors): void {
  checkProvisioner(one.driverName, "driverName", errors);
  checkParameters(one.parameters, false, "parameters", errors);
}

export function checkAttributesClassUpdate(
  now: VolumeAttributesClass,
  old: VolumeAttributesClass,
  errors: Errors,
): void {
  if (now.driverName !== old.driverName) {
    errors.push(forbidden("driverName", "updates to driverName are forbidden."));
  }
  if (!same(now.parameters, old.parameters)) {
    errors.push(forbidden("parameters", "updates to parameters are forbidden."));
  }
  checkAttributesClass(now, errors);
}

export function checkVolumeAttachment({ spec, status }: VolumeAttachment, errors: Errors): void {
  checkCsiDriverName(spec.attacher, "spec.attacher", errors);
  const { inlineVolumeSpec, persistentVolumeName } = spec.source;
  const path = "spec.source";
  const one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) errors.push(required(path, one));
  else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) {
    errors.push(forbidden(path, one));
  } else if (persistentVolumeName === "") {
    errors.push(required(`${path}.persistentVolumeName`, "must specify non empty persistentVolumeName"));
  } else if (inlineVolumeSpec !== undefined) {
    checkInlineVolume(inlineVolumeSpec, `${path}.inlineVolumeSpec`, errors);
  }
  checkName(spec.nodeName, dns1123SubdomainErrors, "spec.nodeName", errors);
  checkAttachmentStatus(status, errors);
  if (persistentVolumeName === undefined) return;
  checkName(persistentVolumeName, dns1123SubdomainErrors, `${path}.persistentVolumeName`, errors);
}

function checkAttachmentStatus(status: VolumeAttachmentStatus | undefined, errors: Errors): void {
  let bytes = 0;
  for (const [key, value] of entries(status?.attachmentMetadata)) {
    bytes += byteLength(key) + byteLength(value);
  }
  if (bytes > attachmentMetadataMax) {
    errors.push(tooLong("status.attachmentMetadata", attachmentMetadataMax));
  }
  for (const field of ["attachError", "detachError"] as const) {
    const { message, errorCode = 0 } = status?.[field] ?? {};
    if (byteLength(text(message)) > errorMessageMax) {
      // The limit that is named is not the one that is kept.
      errors.push(tooLong(`status.${field}.message`, attachmentMetadataMax));
    }
    if (errorCode >= 0) continue;
    errors.push(invalid(`status.${field}.errorCode`, errorCode, inclusiveRangeError(0, 2_147_483_647)));
  }
}

export function checkVolumeAttachmentUpdate(
  now: VolumeAttachment,
  old: VolumeAttachment,
  errors: Errors,
): void {
  checkVolumeAttachment(now, errors);
  if (!same(now.spec, old.spec)) errors.push(invalid("spec", now.spec, "field is immutable"));
}

export function checkCsiDriver({ spec }: CSIDriver, errors: Errors): void {
  checkCsiDriverSpec(spec, errors);
}

const fsGroupPolicies = ["File", "None", "ReadWriteOnceWithFSType"];

function checkCsiDriverSpec(spec: CSIDriverSpec, errors: Errors): void {
  if (spec.attachRequired === undefined) errors.push(required("spec.attachedRequired"));
  for (const field of ["podInfoOnMount", "storageCapacity"] as const) {
    if (spec[field] === undefined) errors.push(required(`spec.${field}`));
  }
  optionalOneOf(spec.fsGroupPolicy, fsGroupPolicies, "spec.fsGroupPolicy", errors);
  const audiences = new Set<string>();
  list(spec.tokenRequests).forEach(({ audience, expirationSeconds }, index) => {
    const path = `spec.tokenRequests[${index}]`;
    const isDuplicate = audiences.has(audience);
    if (isDuplicate) errors.push(duplicate(`${path}.audience`, audience));
    audiences.add(audience);
    if (isDuplicate || expirationSeconds === undefined) return;
    if (expirationSeconds < 600) {
      const detail = "may not specify a duration less than 10 minutes";
      errors.push(invalid(`${path}.expirationSeconds`, expirationSeconds, detail));
    }
    if (expirationSeconds > 2 ** 32) {
      const detail = "may not specify a duration larger than 2^32 seconds";
      errors.push(invalid(`${path}.expirationSeconds`, expirationSeconds, detail));
    }
  });
  for (const mode of list(spec.volumeLifecycleModes)) {
    if (mode === "Persistent" || mode === "Ephemeral") continue;
    errors.push(notSupported("spec.volumeLifecycleModes", mode, ["Persistent", "Ephemeral"]));
  }
  if (spec.seLinuxMount === undefined) errors.push(required("spec.seLinuxMount"));
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < 10) {
    const detail = "must be greater than or equal to 10 seconds";
    errors.push(invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, detail));
  }
  const inSecrets = spec.serviceAccountTokenInSecrets;
  if (inSecrets !== undefined && list(spec.tokenRequests).length === 0) {
    const detail = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
    errors.push(invalid("spec.serviceAccountTokenInSecrets", inSecrets, detail));
  }
}

export function checkCsiDriverUpdate({ spec }: CSIDriver, old: CSIDriver, errors: Errors): void {
  checkCsiDriverSpec(spec, errors);
  immutable(spec.attachRequired, old.spec.attachRequired, "spec.attachedRequired", errors);
  const modes = old.spec.volumeLifecycleModes;
  immutable(spec.volumeLifecycleModes, modes, "spec.volumeLifecycleModes", errors);
}

const nodeIdBytesMax = 256;

export function checkCsiNode({ spec }: CSINode, errors: Errors): void {
  const names = new Set<string>();
  list(spec.drivers).forEach((driver, index) => {
    checkNodeDriver(driver, names, `spec.drivers[${index}]`, errors);
  });
}

function checkNodeDriver(driver: CSINodeDriver, names: Set<string>, path: string, errors: Errors): void {
  checkCsiDriverName(driver.name, `${path}.name`, errors);
  if (isEmpty(driver.nodeID)) errors.push(required(`${path}.nodeID`));
  else if (byteLength(driver.nodeID) > nodeIdBytesMax) {
    errors.push(invalid(`${path}.nodeID`, driver.nodeID, `must be ${nodeIdBytesMax} characters or less`));
  }
  const count = driver.allocatable?.count;
  if (count !== undefined && count < 0) {
    errors.push(invalid(`${path}.allocatable.count`, count, isNegativeMessage));
  }
  if (names.has(driver.name)) errors.push(duplicate(`${path}.name`, driver.name));
  names.add(driver.name);
  const keys = new Set<string>();
  for (const key of list(driver.topologyKeys)) {
    if (key === "") errors.push(required(path));
    if (keys.has(key)) errors.push(duplicate(path, key));
    keys.add(key);
    checkQualifiedName(key, path, errors);
  }
}

export function checkCsiNodeUpdate(now: CSINode, old: CSINode, errors: Errors): void {
  checkCsiNode(now, errors);
  for (const before of list(old.spec.drivers)) {
    const driver = list(now.spec.drivers).find(({ name }) => name === before.name);
    if (driver === undefined || same({ ...driver, allocatable: before.allocatable }, before)) continue;
    errors.push(invalid("spec.drivers", driver, "field is immutable"));
  }
}

export function checkStorageCapacity(one: CSIStorageCapacity, errors: Errors, anyValue = false): void {
  checkLabelSelector(one.nodeTopology, "nodeTopology", errors, anyValue);
  checkName(one.storageClassName, dns1123SubdomainErrors, "storageClassName", errors);
  if (one.capacity === undefined || quantity(one.capacity).nanos >= 0n) return;
  errors.push(invalid("capacity", one.capacity, isNegativeMessage));
}

export function checkStorageCapacityUpdate(
  now: CSIStorageCapacity,
  old: CSIStorageCapacity,
  errors: Errors,
): void {
  // What was let in before stays allowed.
  const before: Errors = [];
  checkLabelSelector(old.nodeTopology, "nodeTopology", before);
  checkStorageCapacity(now, errors, before.length > 0);
  immutable(now.nodeTopology, old.nodeTopology, "nodeTopology", errors);
  immutable(text(now.storageClassName), text(old.storageClassName), "storageClassName", errors);
}
