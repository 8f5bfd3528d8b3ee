import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";
import { resources } from "../../client/resources.ts";
import { formatLabels } from "../printers/table.ts";
import { type Describer, describeEvents } from "./context.ts";
import { type Description, goList, rfc1123, trueFalseUnset } from "./description.ts";
import { describePersistentSource } from "./volumes.ts";

const classAnnotation = "volume.beta.kubernetes.io/storage-class";
const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

/** `RWO,ROX`, in kubectl's order. */
const accessModes = (modes: readonly string[] | undefined): string =>
  Object.entries(shortModes)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(",");

export const describePersistentVolume: Describer = async (d, object, context) => {
  const volume = object as unknown as PersistentVolume;
  const { metadata, spec, status } = volume;
  const events = await context.eventsAbout(volume);
  d.field("Name", metadata.name)
    .labels("Labels", metadata.labels)
    .annotations("Annotations", metadata.annotations);
  d.field("Finalizers", goList(metadata.finalizers));
  d.field("StorageClass", metadata.annotations?.[classAnnotation] ?? spec?.storageClassName);
  const deleted = metadata.deletionTimestamp;
  d.field("Status", deleted === undefined ? status?.phase : `Terminating (lasts ${d.since(deleted)})`);
  d.field("Claim", spec?.claimRef === undefined ? "" : `${spec.claimRef.namespace}/${spec.claimRef.name}`);
  d.field("Reclaim Policy", spec?.persistentVolumeReclaimPolicy).field(
    "Access Modes",
    accessModes(spec?.accessModes),
  );
  if (spec?.volumeMode !== undefined) d.field("VolumeMode", spec.volumeMode);
  d.field("Capacity", spec?.capacity?.["storage"] ?? "0");
  describeAffinity(d, spec?.nodeAffinity);
  d.field("Message", status?.message).line(0, "Source:");
  if (spec !== undefined) describePersistentSource(d, spec);
  describeEvents(d, events);
};

function describeAffinity(
  d: Description,
  affinity: NonNullable<PersistentVolume["spec"]>["nodeAffinity"],
): void {
  if (affinity?.required === undefined) {
    d.line(0, "Node Affinity:\t<none>");
    return;
  }
  d.line(0, "Node Affinity:\t");
  const terms = affinity.required.nodeSelectorTerms;
  d.line(1, `Required Terms:\t${terms.length === 0 ? "<none>" : ""}`);
  for (const [index, { matchExpressions = [] }] of terms.entries()) {
    const texts = matchExpressions.map(({ key, operator, values = [] }) => {
      const list = values.length === 0 ? "" : ` [${values.join(", ")}]`;
      return `${key} ${operator.toLowerCase()}${list}`;
    });
    d.several(`    Term ${index}`, texts, "    ");
  }
}

export const describePersistentVolumeClaim: Describer = async (d, object, context) => {
  const claim = object as unknown as PersistentVolumeClaim;
  const { metadata, spec, status } = claim;
  const pods = await context.list(resources.pods, metadata.namespace);
  const events = await context.eventsAbout(claim);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.field("StorageClass", metadata.annotations?.[classAnnotation] ?? spec?.storageClassName);
  const deleted = metadata.deletionTimestamp;
  d.field("Status", deleted === undefined ? status?.phase : `Terminating (lasts ${d.since(deleted)})`);
  const volume = spec?.volumeName ?? "";
  d.field("Volume", volume)
    .labels("Labels", metadata.labels)
    .annotations("Annotations", metadata.annotations);
  d.field("Finalizers", goList(metadata.finalizers));
  d.field("Capacity", volume === "" ? "" : (status?.capacity?.["storage"] ?? "0"));
  d.field("Access Modes", volume === "" ? "" : accessModes(status?.accessModes));
  if (spec?.volumeMode !== undefined) d.field("VolumeMode", spec.volumeMode);
  if (spec?.dataSource !== undefined) {
    d.line(0, "DataSource:");
    if (typeof spec.dataSource.apiGroup === "string") d.field("APIGroup", spec.dataSource.apiGroup, 1);
    d.field("Kind", spec.dataSource.kind, 1).field("Name", spec.dataSource.name, 1);
  }
  const users = pods
    .filter((pod) =>
      pod.spec?.volumes?.some((used) => used.persistentVolumeClaim?.claimName === metadata.name),
    )
    .map((pod) => pod.metadata.name ?? "");
  d.several("Used By", users.sort());
  const conditions = status?.conditions ?? [];
  if (conditions.length > 0) {
    d.line(0, "Conditions:");
    d.row(1, "Type", "Status", "LastProbeTime", "LastTransitionTime", "Reason", "Message");
    d.row(1, "----", "------", "-----------------", "------------------", "------", "-------");
    for (const { type, status: holds, lastProbeTime, lastTransitionTime, reason, message } of conditions) {
      d.row(
        1,
        `${type} `,
        `${holds} `,
        `${rfc1123(lastProbeTime)} `,
        `${rfc1123(lastTransitionTime)} `,
        `${reason ?? ""} `,
        message,
      );
    }
  }
  describeEvents(d, events);
};

const defaultClassAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

export const describeStorageClass: Describer = async (d, object, context) => {
  const storageClass = object as unknown as StorageClass;
  const events = await context.eventsAbout(storageClass);
  const { metadata, parameters, mountOptions = [], reclaimPolicy, volumeBindingMode } = storageClass;
  const isDefault = defaultClassAnnotations.some((name) => metadata.annotations?.[name] === "true");
  d.field("Name", metadata.name).field("IsDefaultClass", isDefault ? "Yes" : "No");
  d.field("Annotations", formatLabels(metadata.annotations)).field("Provisioner", storageClass.provisioner);
  d.field("Parameters", formatLabels(parameters));
  d.field("AllowVolumeExpansion", trueFalseUnset(storageClass.allowVolumeExpansion));
  if (mountOptions.length === 0) d.field("MountOptions", "<none>");
  else d.line(0, "MountOptions:");
  for (const option of mountOptions) d.line(1, option);
  if (reclaimPolicy !== undefined) d.field("ReclaimPolicy", reclaimPolicy);
  if (volumeBindingMode !== undefined) d.field("VolumeBindingMode", volumeBindingMode);
  const topologies = storageClass.allowedTopologies;
  if (topologies !== undefined) d.line(0, "AllowedTopologies:\t");
  for (const [index, { matchLabelExpressions = [] }] of (topologies ?? []).entries()) {
    d.several(
      `  Term ${index}`,
      matchLabelExpressions.map(({ key, values }) => `${key} in [${values.join(", ")}]`),
      "  ",
    );
  }
  describeEvents(d, events);
};
