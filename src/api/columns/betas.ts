import { formatGroupResource } from "../../apimachinery/gvk.ts";
import type { ClusterTrustBundle, PodCertificateRequest } from "../types/certificates-v1beta1.ts";
import type { LeaseCandidate } from "../types/coordination-v1beta1.ts";
import type { DeviceTaintRule } from "../types/resource-v1beta2.ts";
import type { StorageVersionMigration } from "../types/storagemigration-v1beta1.ts";
import { age, ageColumn, formatLabels, nameColumn, printer, text } from "./column.ts";
import { timeSince } from "./duration.ts";

/** Kinds that have beta versions only. */
export const leaseCandidatePrinter = printer<LeaseCandidate>(
  [
    nameColumn,
    text("LeaseName", "The lease that the candidate would hold."),
    text("BinaryVersion", "The version of the candidate."),
    text("EmulationVersion", "The version that the candidate behaves like."),
    ageColumn,
  ],
  ({ metadata, spec }, nowMs) => [
    metadata.name,
    spec?.leaseName ?? "",
    spec?.binaryVersion ?? "",
    spec?.emulationVersion ?? "",
    age({ metadata }, nowMs),
  ],
);

export const deviceTaintRulePrinter = printer<DeviceTaintRule>(
  [
    nameColumn,
    text("Key", "The key of the taint."),
    text("Value", "The value of the taint."),
    text("Effect", "What the taint does to pods."),
    text("TimeAdded", "How long the devices have had the taint."),
    ageColumn,
  ],
  ({ metadata, spec: { taint } }, nowMs) => [
    metadata.name,
    taint.key,
    taint.value ?? "",
    taint.effect,
    taint.timeAdded === undefined ? "" : timeSince(taint.timeAdded, nowMs),
    age({ metadata }, nowMs),
  ],
);

export const clusterTrustBundlePrinter = printer<ClusterTrustBundle>(
  [nameColumn, text("SignerName", "Whose certificates the bundle vouches for.")],
  ({ metadata, spec }) => [metadata.name, spec.signerName || "<none>"],
);

const ends = ["Issued", "Denied", "Failed"];

export const podCertificateRequestPrinter = printer<PodCertificateRequest>(
  [
    nameColumn,
    text("PodName", "The pod that the certificate is for."),
    text("ServiceAccountName", "The service account of the pod."),
    text("NodeName", "The node that the pod runs on."),
    text("SignerName", "Who is asked to sign."),
    text("State", "Pending, Issued, Denied or Failed."),
    text("UnverifiedUserAnnotations", "What the pod tells the signer."),
  ],
  ({ metadata, spec, status }) => [
    metadata.name,
    spec.podName,
    spec.serviceAccountName,
    spec.nodeName,
    spec.signerName,
    status?.conditions?.findLast(({ type }) => ends.includes(type))?.type ?? "Pending",
    formatLabels(spec.unverifiedUserAnnotations),
  ],
);

const stages = ["Running", "Succeeded", "Failed"];

export const storageVersionMigrationPrinter = printer<StorageVersionMigration>(
  [
    text("Name", "The name of the migration."),
    text("Resource", "What is to be stored in another version."),
    text("Status", "How far the migration is."),
  ],
  ({ metadata, spec, status }) => {
    const stage = status?.conditions?.findLast(
      ({ type, status: holds }) => holds === "True" && stages.includes(type),
    );
    return [
      metadata.name,
      formatGroupResource(spec?.resource ?? { group: "", resource: "" }),
      stage?.type ?? "Unknown",
    ];
  },
);
