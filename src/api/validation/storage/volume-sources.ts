import { invalid, notSupported, required, tooLong } from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  AzureFileVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  HostPathVolumeSource,
  ISCSIVolumeSource,
  NFSVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from "../../types/core-v1.ts";
import {
  checkLabel,
  checkRange,
  type Errors,
  entries,
  isEmpty,
  list,
  optionalOneOf,
  text,
} from "../basics.ts";
import { checkNoBacksteps } from "../pod/paths.ts";

/** Sources that pods and persistent volumes share. Most stand for drivers of old; their fields are still checked. */
function need(value: string | undefined, path: string, errors: Errors): void {
  if (isEmpty(value)) errors.push(required(path));
}

const hostPathTypes = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];

export function checkHostPath(
  { path: target, type }: HostPathVolumeSource,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(target)) {
    errors.push(required(`${path}.path`));
    return;
  }
  checkNoBacksteps(target, `${path}.path`, errors);
  optionalOneOf(type, hostPathTypes, `${path}.type`, errors);
}

const initiatorForms: readonly (readonly [prefix: string, form: RegExp])[] = [
  ["iqn", /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)$/],
  ["eui", /^eui.[a-zA-Z0-9]{16}$/],
  ["naa", /^naa.[a-zA-Z0-9]{32}$/],
];

function checkInitiator(name: string, unknownForm: string, path: string, errors: Errors): void {
  const form = initiatorForms.find(([prefix]) => name.startsWith(prefix))?.[1];
  if (form === undefined) {
    errors.push(invalid(path, name, unknownForm));
  } else if (!form.test(name)) errors.push(invalid(path, name, "must be valid format"));
}

interface Iscsi extends Omit<ISCSIVolumeSource, "secretRef"> {
  readonly secretRef?: { readonly name?: string | undefined } | undefined;
}

/** Volumes of pods and persistent volumes word a name of no known form differently. */
export function checkIscsi(iscsi: Iscsi, unknownForm: string, path: string, errors: Errors): void {
  need(iscsi.targetPortal, `${path}.targetPortal`, errors);
  if (isEmpty(iscsi.iqn)) errors.push(required(`${path}.iqn`));
  else checkInitiator(iscsi.iqn, unknownForm, `${path}.iqn`, errors);
  checkRange(iscsi.lun, 0, 255, `${path}.lun`, errors);
  if ((iscsi.chapAuthDiscovery === true || iscsi.chapAuthSession === true) && iscsi.secretRef === undefined) {
    errors.push(required(`${path}.secretRef`));
  }
  if (iscsi.initiatorName !== undefined) {
    checkInitiator(iscsi.initiatorName, unknownForm, `${path}.initiatorname`, errors);
  }
}

const driverNameBytesMax = 63;

export function checkCsiDriverName(given: string | undefined, path: string, errors: Errors): void {
  const name = text(given);
  if (name === "") {
    errors.push(required(path));
    return;
  }
  if (name.length > driverNameBytesMax) errors.push(tooLong(path, driverNameBytesMax));
  for (const message of dns1123SubdomainErrors(name.toLowerCase())) errors.push(invalid(path, name, message));
}

/** `secretRef.name`, and its namespace where the volume has none of its own. */
export function checkSecretRef(
  secretRef: { readonly name?: string | undefined; readonly namespace?: string | undefined } | undefined,
  withNamespace: boolean,
  path: string,
  errors: Errors,
): void {
  if (secretRef === undefined) return;
  need(secretRef.name, `${path}.secretRef.name`, errors);
  if (withNamespace) need(secretRef.namespace, `${path}.secretRef.namespace`, errors);
}

function checkFlexVolume(
  { driver, options }: { readonly driver: string; readonly options?: Record<string, string> | undefined },
  path: string,
  errors: Errors,
): void {
  need(driver, `${path}.driver`, errors);
  for (const [key] of entries(options)) {
    const normalized = `.${(key.split("/", 2).length === 2 ? text(key.split("/")[0]) : key).toLowerCase()}`;
    if (!normalized.endsWith(".kubernetes.io") && !normalized.endsWith(".k8s.io")) continue;
    const detail = "kubernetes.io and k8s.io namespaces are reserved";
    errors.push(invalid(`${path}.options[${key}]`, key, detail));
  }
}

function checkFlocker({ datasetName, datasetUUID }: FlockerVolumeSource, path: string, errors: Errors): void {
  if (isEmpty(datasetName) && isEmpty(datasetUUID)) {
    errors.push(required(path, "one of datasetName and datasetUUID is required"));
  }
  if (!isEmpty(datasetName) && !isEmpty(datasetUUID)) {
    const detail = "datasetName and datasetUUID can not be specified simultaneously";
    errors.push(invalid(path, "resource", detail));
  }
  if (text(datasetName).includes("/")) {
    errors.push(invalid(`${path}.datasetName`, datasetName, "must not contain '/'"));
  }
}

function checkFc({ targetWWNs, wwids, lun }: FCVolumeSource, path: string, errors: Errors): void {
  const names = list(targetWWNs).length;
  const ids = list(wwids).length;
  if (names < 1 && ids < 1) {
    errors.push(required(`${path}.targetWWNs`, "must specify either targetWWNs or wwids, but not both"));
  }
  if (names > 0 && ids > 0) {
    const detail = "targetWWNs and wwids can not be specified simultaneously";
    errors.push(invalid(`${path}.targetWWNs`, targetWWNs, detail));
  }
  if (names === 0) return;
  if (lun === undefined) errors.push(required(`${path}.lun`, "lun is required if targetWWNs is specified"));
  else checkRange(lun, 0, 255, `${path}.lun`, errors);
}

function checkQuobyte({ registry, tenant, volume }: QuobyteVolumeSource, path: string, errors: Errors): void {
  const detail = "must be a host:port pair or multiple pairs separated by commas";
  if (isEmpty(registry)) errors.push(required(`${path}.registry`, detail));
  else if (text(tenant).length >= 65) {
    const tooLongTenant = "must be a UUID and may not exceed a length of 64 characters";
    errors.push(required(`${path}.tenant`, tooLongTenant));
  } else {
    for (const pair of registry.split(",")) {
      if (!/^(?:\[[^\]]*\]|[^:]*):[^:]*$/.test(pair)) {
        errors.push(invalid(`${path}.registry`, registry, detail));
      }
    }
  }
  need(volume, `${path}.volume`, errors);
}

function checkAzureDisk(
  { diskName, diskURI, cachingMode, kind }: AzureDiskVolumeSource,
  path: string,
  errors: Errors,
): void {
  need(diskName, `${path}.diskName`, errors);
  need(diskURI, `${path}.diskURI`, errors);
  optionalOneOf(cachingMode, ["None", "ReadOnly", "ReadWrite"], `${path}.cachingMode`, errors);
  optionalOneOf(kind, ["Dedicated", "Managed", "Shared"], `${path}.kind`, errors);
  if (kind === "Managed" && !text(diskURI).startsWith("/subscriptions/")) {
    const form =
      "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    errors.push(notSupported(`${path}.diskURI`, diskURI, [form]));
  }
  if (kind !== undefined && kind !== "Managed" && !text(diskURI).startsWith("https://")) {
    const form = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    errors.push(notSupported(`${path}.diskURI`, diskURI, [form]));
  }
}

interface NamedSecretRef {
  readonly secretRef?: { readonly name?: string | undefined } | undefined;
}

/** By the field that holds the source. */
export const legacyVolumeChecks = {
  gcePersistentDisk: (
    { pdName, partition }: GCEPersistentDiskVolumeSource,
    path: string,
    errors: Errors,
  ): void => {
    need(pdName, `${path}.pdName`, errors);
    if (partition !== undefined && (partition < 0 || partition > 255)) {
      errors.push(invalid(`${path}.partition`, partition, "must be between 1 and 255, inclusive"));
    }
  },
  awsElasticBlockStore: (source: AWSElasticBlockStoreVolumeSource, path: string, errors: Errors): void => {
    const { volumeID, partition } = source;
    need(volumeID, `${path}.volumeID`, errors);
    if (partition !== undefined && (partition < 0 || partition > 255)) {
      errors.push(invalid(`${path}.partition`, partition, "must be between 1 and 255, inclusive"));
    }
  },
  nfs: ({ server, path: target }: NFSVolumeSource, path: string, errors: Errors): void => {
    need(server, `${path}.server`, errors);
    need(target, `${path}.path`, errors);
    if (!text(target).startsWith("/")) {
      errors.push(invalid(`${path}.path`, text(target), "must be an absolute path"));
    }
  },
  glusterfs: (source: { endpoints: string; path: string }, path: string, errors: Errors): void => {
    need(source.endpoints, `${path}.endpoints`, errors);
    need(source.path, `${path}.path`, errors);
  },
  flocker: checkFlocker,
  rbd: ({ monitors, image }: { monitors: string[]; image: string }, path: string, errors: Errors): void => {
    if (list(monitors).length === 0) errors.push(required(`${path}.monitors`));
    need(image, `${path}.image`, errors);
  },
  cinder: (source: NamedSecretRef & { volumeID: string }, path: string, errors: Errors): void => {
    need(source.volumeID, `${path}.volumeID`, errors);
    checkSecretRef(source.secretRef, false, path, errors);
  },
  cephfs: ({ monitors }: { monitors: string[] }, path: string, errors: Errors): void => {
    if (list(monitors).length === 0) errors.push(required(`${path}.monitors`));
  },
  quobyte: checkQuobyte,
  fc: checkFc,
  flexVolume: checkFlexVolume,
  azureFile: ({ secretName, shareName }: AzureFileVolumeSource, path: string, errors: Errors): void => {
    need(secretName, `${path}.secretName`, errors);
    need(shareName, `${path}.shareName`, errors);
  },
  vsphereVolume: ({ volumePath }: VsphereVirtualDiskVolumeSource, path: string, errors: Errors): void => {
    need(volumePath, `${path}.volumePath`, errors);
  },
  photonPersistentDisk: ({ pdID }: PhotonPersistentDiskVolumeSource, path: string, errors: Errors): void => {
    need(pdID, `${path}.pdID`, errors);
  },
  portworxVolume: ({ volumeID }: PortworxVolumeSource, path: string, errors: Errors): void => {
    need(volumeID, `${path}.volumeID`, errors);
  },
  azureDisk: checkAzureDisk,
  storageos: (
    source: NamedSecretRef & { volumeName?: string | undefined; volumeNamespace?: string | undefined },
    path: string,
    errors: Errors,
  ): void => {
    const { volumeName, volumeNamespace } = source;
    if (volumeName === undefined || volumeName === "") errors.push(required(`${path}.volumeName`));
    else checkLabel(volumeName, `${path}.volumeName`, errors);
    if (!isEmpty(volumeNamespace)) checkLabel(text(volumeNamespace), `${path}.volumeNamespace`, errors);
    checkSecretRef(source.secretRef, false, path, errors);
  },
  scaleIO: (
    source: { gateway: string; system: string; volumeName?: string | undefined },
    path: string,
    errors: Errors,
  ): void => {
    need(source.gateway, `${path}.gateway`, errors);
    need(source.system, `${path}.system`, errors);
    need(source.volumeName, `${path}.volumeName`, errors);
  },
};
