import type { PersistentVolumeSpec, ProjectedVolumeSource, Volume } from "../../api/types/core-v1.ts";
import { isObject } from "../../apimachinery/json.ts";
import { tryParseQuantity } from "../../apimachinery/quantity.ts";
import type { Description, Printable } from "./description.ts";

/** How one kind of volume is described: what it is, then its fields in order. */
interface VolumeKind {
  readonly what: string;
  readonly fields: readonly (readonly [label: string, value: string | ((source: Source) => Printable)])[];
}

type Source = Readonly<Record<string, unknown>>;

const flag = (name: string) => (source: Source) => source[name] === true;
const text =
  (name: string) =>
  (source: Source): string => {
    const value = source[name];
    return typeof value === "string" ? value : "";
  };
const list = (name: string) => (source: Source) => `[${((source[name] ?? []) as string[]).join(" ")}]`;
const number = (name: string) => (source: Source) => Number(source[name] ?? 0);
const secretName = (source: Source) => {
  const secret = source["secretRef"];
  return isObject(secret) ? `&LocalObjectReference{Name:${text("name")(secret)},}` : "nil";
};

/** By the name of the field; the wording after each type is what people know from kubectl. */
const kinds: Readonly<Record<string, VolumeKind>> = {
  hostPath: {
    what: "HostPath (bare host directory volume)",
    fields: [
      ["Path", "path"],
      ["HostPathType", ({ type }) => (typeof type === "string" ? type : "<none>")],
    ],
  },
  emptyDir: {
    what: "EmptyDir (a temporary directory that shares a pod's lifetime)",
    fields: [
      ["Medium", "medium"],
      ["SizeLimit", ({ sizeLimit }) => formatLimit(sizeLimit)],
    ],
  },
  secret: {
    what: "Secret (a volume populated by a Secret)",
    fields: [
      ["SecretName", "secretName"],
      ["Optional", flag("optional")],
    ],
  },
  configMap: {
    what: "ConfigMap (a volume populated by a ConfigMap)",
    fields: [
      ["Name", "name"],
      ["Optional", flag("optional")],
    ],
  },
  nfs: {
    what: "NFS (an NFS mount that lasts the lifetime of a pod)",
    fields: [
      ["Server", "server"],
      ["Path", "path"],
      ["ReadOnly", flag("readOnly")],
    ],
  },
  persistentVolumeClaim: {
    what: "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
    fields: [
      ["ClaimName", "claimName"],
      ["ReadOnly", flag("readOnly")],
    ],
  },
  image: {
    what: "Image (a container image or OCI artifact)",
    fields: [
      ["Reference", "reference"],
      ["PullPolicy", "pullPolicy"],
    ],
  },
  local: {
    what: "LocalVolume (a persistent volume backed by local storage on a node)",
    fields: [["Path", "path"]],
  },
  gcePersistentDisk: {
    what: "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)",
    fields: [
      ["PDName", "pdName"],
      ["FSType", "fsType"],
      ["Partition", number("partition")],
      ["ReadOnly", flag("readOnly")],
    ],
  },
  awsElasticBlockStore: {
    what: "AWSElasticBlockStore (a Persistent Disk resource in AWS)",
    fields: [
      ["VolumeID", "volumeID"],
      ["FSType", "fsType"],
      ["Partition", number("partition")],
      ["ReadOnly", flag("readOnly")],
    ],
  },
  gitRepo: {
    what: "GitRepo (a volume that is pulled from git when the pod is created)",
    fields: [
      ["Repository", "repository"],
      ["Revision", "revision"],
    ],
  },
  iscsi: {
    what: "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)",
    fields: [
      ["TargetPortal", "targetPortal"],
      ["IQN", "iqn"],
      ["Lun", number("lun")],
      ["ISCSIInterface", "iscsiInterface"],
      ["FSType", "fsType"],
      ["ReadOnly", flag("readOnly")],
      ["Portals", list("portals")],
      ["DiscoveryCHAPAuth", flag("chapAuthDiscovery")],
      ["SessionCHAPAuth", flag("chapAuthSession")],
      ["SecretRef", secretName],
      [
        "InitiatorName",
        ({ initiatorName }) => (typeof initiatorName === "string" ? initiatorName : "<none>"),
      ],
    ],
  },
  cephfs: {
    what: "CephFS (a CephFS mount on the host that shares a pod's lifetime)",
    fields: [
      ["Monitors", list("monitors")],
      ["Path", "path"],
      ["User", "user"],
      ["SecretFile", "secretFile"],
      ["SecretRef", secretName],
      ["ReadOnly", flag("readOnly")],
    ],
  },
  rbd: {
    what: "RBD (a Rados Block Device mount on the host that shares a pod's lifetime)",
    fields: [
      ["CephMonitors", list("monitors")],
      ["RBDImage", "image"],
      ["FSType", "fsType"],
      ["RBDPool", "pool"],
      ["RadosUser", "user"],
      ["Keyring", "keyring"],
      ["SecretRef", secretName],
      ["ReadOnly", flag("readOnly")],
    ],
  },
  csi: {
    what: "CSI (a Container Storage Interface (CSI) volume source)",
    fields: [
      ["Driver", "driver"],
      ["FSType", "fsType"],
      ["ReadOnly", flag("readOnly")],
    ],
  },
};

function formatLimit(limit: unknown): string {
  const amount = tryParseQuantity(limit);
  return amount === undefined || amount.isZero() ? "<unset>" : amount.toString();
}

/** The volumes of a pod, or with a space before it of a template. */
export function describeVolumes(d: Description, volumes: readonly Volume[], space: string): void {
  if (volumes.length === 0) {
    d.line(0, `${space}Volumes:\t<none>`);
    return;
  }
  d.line(0, `${space}Volumes:`);
  for (const volume of volumes) {
    d.line(1, `${space === "" ? "" : " "}${volume.name}:`);
    if (volume.projected !== undefined) describeProjected(d, volume.projected);
    else if (volume.downwardAPI !== undefined) describeDownwardApi(d, volume.downwardAPI.items ?? []);
    else if (volume.ephemeral !== undefined) describeEphemeral(d, volume.ephemeral.volumeClaimTemplate);
    else describeSource(d, volume as unknown as Source);
  }
}

/** The source of a persistent volume. */
export function describePersistentSource(d: Description, spec: PersistentVolumeSpec): void {
  const source = spec as unknown as Source;
  const csi = source["csi"];
  if (!isObject(csi)) return describeSource(d, source);
  d.line(2, `Type:\t${kinds["csi"]?.what}`);
  d.field("Driver", text("driver")(csi), 2).field("FSType", text("fsType")(csi), 2);
  d.field("VolumeHandle", text("volumeHandle")(csi), 2);
  d.field("ReadOnly", csi["readOnly"] === true, 2);
  describeAttributes(d, csi["volumeAttributes"]);
}

function describeSource(d: Description, source: Source): void {
  const found = Object.keys(kinds).find((name) => isObject(source[name]));
  const kind = found === undefined ? undefined : kinds[found];
  const fields = found === undefined ? undefined : source[found];
  if (kind === undefined || !isObject(fields)) {
    d.line(1, "<unknown>");
    return;
  }
  d.line(2, `Type:\t${kind.what}`);
  for (const [label, value] of kind.fields) {
    d.field(label, typeof value === "string" ? text(value)(fields) : value(fields), 2);
  }
  if (found === "csi") describeAttributes(d, fields["volumeAttributes"]);
}

function describeAttributes(d: Description, attributes: unknown): void {
  const pairs = isObject(attributes)
    ? Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))
    : [];
  if (pairs.length === 0) {
    d.line(2, "VolumeAttributes:\t<none>");
    return;
  }
  for (const [index, [key, value]] of pairs.entries()) {
    const line = `${key}=${String(value)}`;
    const shown = line.length > 140 ? `${line.slice(0, 140)}...` : line;
    d.line(2, index === 0 ? `VolumeAttributes:\t${shown}` : `    \t${shown}`);
  }
}

function describeProjected(d: Description, { sources = [] }: ProjectedVolumeSource): void {
  d.line(2, "Type:\tProjected (a volume that contains injected data from multiple sources)");
  for (const { secret, downwardAPI, configMap, serviceAccountToken } of sources) {
    if (secret !== undefined) {
      d.field("SecretName", secret.name, 2).field("Optional", secret.optional === true, 2);
    } else if (downwardAPI !== undefined) d.field("DownwardAPI", true, 2);
    else if (configMap !== undefined) {
      d.field("ConfigMapName", configMap.name, 2).field("Optional", configMap.optional === true, 2);
    } else if (serviceAccountToken !== undefined) {
      d.field("TokenExpirationSeconds", serviceAccountToken.expirationSeconds ?? 3600, 2);
    }
  }
}

function describeDownwardApi(
  d: Description,
  items: readonly {
    path: string;
    fieldRef?: { fieldPath: string } | undefined;
    resourceFieldRef?: { resource: string } | undefined;
  }[],
): void {
  d.line(2, "Type:\tDownwardAPI (a volume populated by information about the pod)");
  d.line(2, "Items:");
  for (const { path, fieldRef, resourceFieldRef } of items) {
    if (fieldRef !== undefined) d.line(3, `${fieldRef.fieldPath} -> ${path}`);
    if (resourceFieldRef !== undefined) d.line(3, `${resourceFieldRef.resource} -> ${path}`);
  }
}

function describeEphemeral(
  d: Description,
  template:
    | {
        metadata?:
          | { labels?: Record<string, string> | undefined; annotations?: Record<string, string> | undefined }
          | undefined;
        spec: {
          storageClassName?: string | undefined;
          volumeName?: string | undefined;
          volumeMode?: string | undefined;
        };
      }
    | undefined,
): void {
  d.line(
    2,
    "Type:\tEphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)",
  );
  if (template === undefined) return;
  d.field("StorageClass", template.spec.storageClassName, 0).field("Volume", template.spec.volumeName, 0);
  d.labels("Labels", template.metadata?.labels).annotations("Annotations", template.metadata?.annotations);
  d.field("Capacity", "", 0).field("Access Modes", "", 0);
  if (template.spec.volumeMode !== undefined) d.field("VolumeMode", template.spec.volumeMode, 0);
}
