import { duplicate, forbidden, invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type {
  CSIVolumeSource,
  EphemeralVolumeSource,
  ImageVolumeSource,
  Volume,
} from "../../types/core-v1.ts";
import { checkLabel, checkName, type Errors, isEmpty, list, quantity, text } from "../basics.ts";
import { checkTemplateObjectMeta } from "../object-meta.ts";
import { checkClaimSpec } from "../storage/claim-spec.ts";
import {
  checkCsiDriverName,
  checkHostPath,
  checkIscsi,
  legacyVolumeChecks,
} from "../storage/volume-sources.ts";
import { checkDownwardFile, checkFileMode, checkItems } from "./files.ts";
import type { PodOptions } from "./options.ts";
import { checkLocalDescendingPath } from "./paths.ts";
import { checkProjected } from "./projected-volume.ts";

/** Volumes of pods. Returns those that are sound by name, for the mounts to refer to. */
export function checkVolumes(
  volumes: readonly Volume[] | undefined,
  meta: ObjectMeta | undefined,
  options: PodOptions,
  path: string,
  errors: Errors,
): ReadonlyMap<string, Volume> {
  const sound = new Map<string, Volume>();
  const all = list(volumes);
  const podName = text(meta?.name);
  const created = new Set(
    podName === ""
      ? []
      : all.filter(({ ephemeral }) => ephemeral !== undefined).map(({ name }) => `${podName}-${name}`),
  );
  all.forEach((volume, index) => {
    const where = `${path}[${index}]`;
    const before = errors.length;
    checkVolumeSource(volume, podName, options, where, errors);
    const name = text(volume.name);
    if (name === "") errors.push(required(`${where}.name`));
    else checkLabel(name, `${where}.name`, errors);
    if (sound.has(name)) errors.push(duplicate(`${where}.name`, name));
    if (errors.length === before) sound.set(name, volume);
    const claim = text(volume.persistentVolumeClaim?.claimName);
    if (created.has(claim)) {
      const detail = "must not reference a PVC that gets created for an ephemeral volume";
      errors.push(invalid(`${where}.persistentVolumeClaim.claimName`, claim, detail));
    }
  });
  return sound;
}

type Source = Exclude<keyof Volume, "name">;
type SourceCheck = (
  volume: Volume,
  path: string,
  errors: Errors,
  options: PodOptions,
  podName: string,
) => void;

/** `shown` is the name of a second source in its error, where that is not the field's own. */
interface SourceKind {
  readonly field: Source;
  readonly shown?: string;
  readonly check: SourceCheck;
}

function checkVolumeSource(
  volume: Volume,
  podName: string,
  options: PodOptions,
  path: string,
  errors: Errors,
): void {
  let sources = 0;
  for (const { field, shown, check } of sourceKinds) {
    if (volume[field] === undefined) continue;
    if (sources > 0) {
      errors.push(forbidden(`${path}.${shown ?? field}`, "may not specify more than 1 volume type"));
    } else check(volume, path, errors, options, podName);
    sources++;
  }
  if (sources === 0) errors.push(required(path, "must specify a volume type"));
}

/** A source whose rules need nothing but itself. */
function kind<F extends Source>(
  field: F,
  check: (source: NonNullable<Volume[F]>, path: string, errors: Errors, options: PodOptions) => void,
  shown?: string,
): SourceKind {
  const apply: SourceCheck = (volume, path, errors, options) => {
    const source = volume[field];
    if (source !== undefined) check(source, `${path}.${field}`, errors, options);
  };
  return shown === undefined ? { field, check: apply } : { field, check: apply, shown };
}

const sourceKinds: readonly SourceKind[] = [
  kind("emptyDir", ({ sizeLimit }, path, errors) => {
    if (sizeLimit !== undefined && quantity(sizeLimit).nanos < 0n) {
      const detail = "SizeLimit field must be a valid resource quantity";
      errors.push(forbidden(`${path}.sizeLimit`, detail));
    }
  }),
  kind("hostPath", checkHostPath),
  kind("gitRepo", ({ repository, directory }, path, errors) => {
    if (isEmpty(repository)) errors.push(required(`${path}.repository`));
    checkLocalDescendingPath(text(directory), `${path}.directory`, errors);
  }),
  kind("gcePersistentDisk", (source, path, errors) => {
    const where = path.replace(/gcePersistentDisk$/, "persistentDisk");
    legacyVolumeChecks.gcePersistentDisk(source, where, errors);
  }),
  kind("awsElasticBlockStore", legacyVolumeChecks.awsElasticBlockStore),
  kind("secret", (source, path, errors) => {
    if (isEmpty(source.secretName)) errors.push(required(`${path}.secretName`));
    checkFileMode(source.defaultMode, `${path}.defaultMode`, errors);
    checkItems(source.items, `${path}.items`, errors);
  }),
  kind("nfs", legacyVolumeChecks.nfs),
  {
    field: "iscsi",
    check: ({ iscsi, name }, path, errors) => {
      if (iscsi === undefined) return;
      checkIscsi(iscsi, "must be valid format starting with iqn, eui, or naa", `${path}.iscsi`, errors);
      if (iscsi.initiatorName === undefined || `${name}:${iscsi.targetPortal}`.length <= 64) return;
      const detail =
        "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
      errors.push(invalid(`${path}.name`, name, detail));
    },
  },
  kind("glusterfs", legacyVolumeChecks.glusterfs),
  kind("flocker", legacyVolumeChecks.flocker),
  kind("persistentVolumeClaim", ({ claimName }, path, errors) => {
    if (isEmpty(claimName)) errors.push(required(`${path}.claimName`));
  }),
  kind("rbd", legacyVolumeChecks.rbd),
  kind("cinder", legacyVolumeChecks.cinder),
  kind("cephfs", legacyVolumeChecks.cephfs, "cephFS"),
  kind("quobyte", legacyVolumeChecks.quobyte),
  kind(
    "downwardAPI",
    ({ defaultMode, items }, path, errors) => {
      checkFileMode(defaultMode, `${path}.defaultMode`, errors);
      for (const file of list(items)) checkDownwardFile(file, path, errors);
    },
    "downwarAPI",
  ),
  kind("fc", legacyVolumeChecks.fc),
  kind("flexVolume", legacyVolumeChecks.flexVolume),
  kind("configMap", (source, path, errors) => {
    if (isEmpty(source.name)) errors.push(required(`${path}.name`));
    checkFileMode(source.defaultMode, `${path}.defaultMode`, errors);
    checkItems(source.items, `${path}.items`, errors);
  }),
  kind("azureFile", legacyVolumeChecks.azureFile),
  kind("vsphereVolume", legacyVolumeChecks.vsphereVolume),
  kind("photonPersistentDisk", legacyVolumeChecks.photonPersistentDisk),
  kind("portworxVolume", legacyVolumeChecks.portworxVolume),
  kind("azureDisk", legacyVolumeChecks.azureDisk),
  kind("storageos", legacyVolumeChecks.storageos),
  kind("projected", ({ defaultMode, sources }, path, errors) => {
    checkFileMode(defaultMode, `${path}.defaultMode`, errors);
    checkProjected(list(sources), path, errors);
  }),
  kind("scaleIO", legacyVolumeChecks.scaleIO),
  kind("csi", checkCsi),
  {
    field: "ephemeral",
    check: ({ ephemeral, name }, path, errors, _options, podName) => {
      if (ephemeral === undefined) return;
      checkEphemeral(ephemeral, `${path}.ephemeral`, errors);
      if (podName === "" || isEmpty(name)) return;
      const claim = `${podName}-${name}`;
      for (const message of dns1123SubdomainErrors(claim)) {
        errors.push(invalid(`${path}.name`, name, `PVC name ${JSON.stringify(claim)}: ${message}`));
      }
    },
  },
  kind("image", checkImage),
];

function checkCsi({ driver, nodePublishSecretRef }: CSIVolumeSource, path: string, errors: Errors): void {
  checkCsiDriverName(text(driver), `${path}.driver`, errors);
  if (nodePublishSecretRef === undefined) return;
  const { name } = nodePublishSecretRef;
  if (name === undefined || name === "") errors.push(required(`${path}.nodePublishSecretRef.name`));
  else checkName(name, dns1123SubdomainErrors, `${path}.name`, errors);
}

function checkEphemeral({ volumeClaimTemplate }: EphemeralVolumeSource, path: string, errors: Errors): void {
  const where = `${path}.volumeClaimTemplate`;
  if (volumeClaimTemplate === undefined) {
    errors.push(required(where));
    return;
  }
  checkTemplateObjectMeta(volumeClaimTemplate.metadata, `${where}.metadata`, errors);
  checkClaimSpec(volumeClaimTemplate.spec, `${where}.spec`, errors);
}

function checkImage(
  { reference, pullPolicy }: ImageVolumeSource,
  path: string,
  errors: Errors,
  { isPod }: PodOptions,
): void {
  if (isPod && isEmpty(reference)) errors.push(required(`${path}.reference`));
  checkPullPolicy(pullPolicy, `${path}.pullPolicy`, errors);
}

export function checkPullPolicy(policy: string | undefined, path: string, errors: Errors): void {
  if (policy === "Always" || policy === "IfNotPresent" || policy === "Never") return;
  if (isEmpty(policy)) errors.push(required(path));
  else errors.push(notSupported(path, policy, ["Always", "IfNotPresent", "Never"]));
}
