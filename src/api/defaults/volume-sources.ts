import type {
  AzureDiskVolumeSource,
  ISCSIPersistentVolumeSource,
  ISCSIVolumeSource,
  RBDPersistentVolumeSource,
  RBDVolumeSource,
  ScaleIOPersistentVolumeSource,
  ScaleIOVolumeSource,
} from "../types/core-v1.ts";

interface DiskSources {
  azureDisk?: AzureDiskVolumeSource | undefined;
  iscsi?: ISCSIVolumeSource | ISCSIPersistentVolumeSource | undefined;
  rbd?: RBDVolumeSource | RBDPersistentVolumeSource | undefined;
  scaleIO?: ScaleIOVolumeSource | ScaleIOPersistentVolumeSource | undefined;
}

/** Defaults of the disks that pods and persistent volumes name alike. */
export function defaultDiskSources({ azureDisk, iscsi, rbd, scaleIO }: DiskSources): void {
  if (azureDisk !== undefined) {
    azureDisk.cachingMode ??= "ReadWrite";
    azureDisk.kind ??= "Shared";
    azureDisk.fsType ??= "ext4";
    azureDisk.readOnly ??= false;
  }
  if (iscsi !== undefined) iscsi.iscsiInterface ||= "default";
  if (rbd !== undefined) {
    rbd.pool ||= "rbd";
    rbd.user ||= "admin";
    rbd.keyring ||= "/etc/ceph/keyring";
  }
  if (scaleIO !== undefined) {
    scaleIO.storageMode ||= "ThinProvisioned";
    scaleIO.fsType ||= "xfs";
  }
}
