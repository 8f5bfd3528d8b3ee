import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, qualifiedNameErrors } from "../../../apimachinery/names.ts";
import type { TopologySelectorTerm } from "../../types/core-v1.ts";
import type {
  CSIDriver,
  CSIDriverSpec,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "../../types/storage-v1.ts";
import {
  checkName,
  checkQualifiedName,
  type Errors,
  entries,
  immutable,
  isEmpty,
  isNegativeMessage,
  list,
  optionalOneOf,
  quantity,
  requiredOneOf,
  same,
  size,
  text,
} from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";
import { checkCsiDriverName } from "./volume-sources.ts";

/** The kinds of storage.k8s.io (mirrors pkg/apis/storage/validation). */
const parametersMax = 512;
const parameterBytesMax = 256 * 1024;
const attachmentMetadataMax = 256 * 1024;

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
  let bytes = 0;
  for (const [key, value] of entries(parameters)) {
    if (key === "") errors.push(invalid(path, key, "field can not be empty."));
    bytes += key.length + value.length;
  }
  if (size(parameters) > parametersMax) {
    errors.push({ ...tooLong(path, parametersMax), detail: `may not be more than ${parametersMax} bytes` });
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
  requiredOneOf(storageClass.volumeBindingMode, modes, "volumeBindingMode", errors);
  checkTopologies(storageClass.allowedTopologies, errors);
}

function checkTopologies(terms: readonly TopologySelectorTerm[] | undefined, errors: Errors): void {
  const seen = new Set<string>();
  list(terms).forEach(({ matchLabelExpressions }, index) => {
    const path = `allowedTopologies[${index}]`;
    const keys = new Set<string>();
    list(matchLabelExpressions).forEach(({ key, values }, at) => {
      const where = `${path}.matchLabelExpressions[${at}]`;
      const found = list(values);
      if (found.length === 0) errors.push(required(`${where}.values`));
      found.forEach((value, which) => {
        if (found.indexOf(value) < which) errors.push(duplicate(`${where}.values[${which}]`, value));
      });
      checkQualifiedName(key, `${where}.key`, errors);
      if (keys.has(key)) errors.push(duplicate(`${where}.key`, key));
      keys.add(key);
    });
    const shape = JSON.stringify(
      list(matchLabelExpressions)
        .map(({ key, values }) => [key, [...list(values)].sort()] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    if (seen.has(shape)) errors.push(duplicate(`${path}.matchLabelExpressions`, ""));
    seen.add(shape);
  });
}

export function checkStorageClassUpdate(now: StorageClass, old: StorageClass, errors: Errors): void {
  if (!same(now.parameters, old.parameters)) {
    errors.push(forbidden("parameters", "updates to parameters are forbidden."));
  }
  if (now.provisioner !== old.provisioner) {
    errors.push(forbidden("provisioner", "updates to provisioner are forbidden."));
  }
  if (now.reclaimPolicy !== old.reclaimPolicy) {
    errors.push(forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."));
  }
  immutable(now.volumeBindingMode, old.volumeBindingMode, "volumeBindingMode", errors);
}

export function checkAttributesClass(one: VolumeAttributesClass, errors: Errors): void {
  checkCsiDriverName(one.driverName, "driverName", errors);
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
}

export function checkVolumeAttachment({ spec, status }: VolumeAttachment, errors: Errors): void {
  checkCsiDriverName(spec.attacher, "spec.attacher", errors);
  const { inlineVolumeSpec, persistentVolumeName } = spec.source;
  const path = "spec.source";
  if (inlineVolumeSpec === undefined && isEmpty(persistentVolumeName)) {
    errors.push(required(path, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"));
  } else if (inlineVolumeSpec !== undefined && !isEmpty(persistentVolumeName)) {
    const detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    errors.push(forbidden(path, detail));
  } else if (persistentVolumeName !== undefined && persistentVolumeName !== "") {
    checkName(persistentVolumeName, dns1123SubdomainErrors, `${path}.persistentVolumeName`, errors);
  }
  checkName(spec.nodeName, dns1123SubdomainErrors, "spec.nodeName", errors);
  let bytes = 0;
  for (const [key, value] of entries(status?.attachmentMetadata)) bytes += key.length + value.length;
  if (bytes > attachmentMetadataMax) {
    errors.push(tooLong("status.attachmentMetadata", attachmentMetadataMax));
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

export function checkCsiDriver({ metadata, spec }: CSIDriver, errors: Errors): void {
  checkCsiDriverName(text(metadata.name), "metadata.name", errors);
  checkCsiDriverSpec(spec, errors);
}

const fsGroupPolicies = ["File", "None", "ReadWriteOnceWithFSType"];

function checkCsiDriverSpec(spec: CSIDriverSpec, errors: Errors): void {
  for (const field of ["attachRequired", "podInfoOnMount", "storageCapacity", "fsGroupPolicy"] as const) {
    if (spec[field] === undefined) errors.push(required(`spec.${field}`));
  }
  optionalOneOf(spec.fsGroupPolicy, fsGroupPolicies, "spec.fsGroupPolicy", errors);
  const audiences = new Set<string>();
  list(spec.tokenRequests).forEach(({ audience, expirationSeconds }, index) => {
    const path = `spec.tokenRequests[${index}]`;
    if (audiences.has(audience)) errors.push(duplicate(`${path}.audience`, audience));
    audiences.add(audience);
    if (expirationSeconds === undefined) return;
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
    errors.push(notSupported("spec.volumeLifecycleModes", mode, ["Ephemeral", "Persistent"]));
  }
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < 10) {
    const detail = "must be greater than or equal to 10 seconds";
    errors.push(invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, detail));
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
  else if (driver.nodeID.length > nodeIdBytesMax) {
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
    const where = `${path}.topologyKeys`;
    if (key === "") errors.push(required(where));
    if (keys.has(key)) errors.push(duplicate(where, key));
    keys.add(key);
    checkQualifiedName(key, where, errors);
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

export function checkStorageCapacity(one: CSIStorageCapacity, errors: Errors): void {
  checkName(one.storageClassName, dns1123SubdomainErrors, "storageClassName", errors);
  for (const field of ["capacity", "maximumVolumeSize"] as const) {
    const value = one[field];
    if (value !== undefined && quantity(value).nanos < 0n) {
      errors.push(invalid(field, value, isNegativeMessage));
    }
  }
  checkLabelSelector(one.nodeTopology, "nodeTopology", errors);
}

export function checkStorageCapacityUpdate(
  now: CSIStorageCapacity,
  old: CSIStorageCapacity,
  errors: Errors,
): void {
  checkStorageCapacity(now, errors);
  immutable(now.nodeTopology, old.nodeTopology, "nodeTopology", errors);
  immutable(now.storageClassName, old.storageClassName, "storageClassName", errors);
}
