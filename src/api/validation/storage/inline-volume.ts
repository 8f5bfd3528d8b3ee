import { forbidden, required } from "../../../apimachinery/field-error.ts";
import type { PersistentVolumeSpec } from "../../types/core-v1.ts";
import { type Errors, isEmpty, size } from "../basics.ts";
import { checkAccessModes, checkAccessModeValues } from "./claim-spec.ts";
import { checkSource } from "./volumes.ts";

/** The volume that an attachment brings along: one of a driver, and nothing that binds it to a claim. */
export function checkInlineVolume(spec: PersistentVolumeSpec, path: string, errors: Errors): void {
  const refuse = (field: keyof PersistentVolumeSpec, isSet: boolean, detail = notInline): void => {
    if (isSet) errors.push(forbidden(`${path}.${field}`, `${detail} in the context of inline volumes`));
  };
  refuse("claimRef", spec.claimRef !== undefined);
  refuse("capacity", size(spec.capacity) > 0);
  if (spec.csi === undefined) {
    errors.push(required(`${path}.csi`, "has to be specified in the context of inline volumes"));
  }
  checkAccessModes(spec.accessModes, "", `${path}.accessModes`, errors);
  checkAccessModeValues(spec.accessModes, `${path}.accessModes`, errors);
  const policy = spec.persistentVolumeReclaimPolicy;
  const isOtherPolicy = !isEmpty(policy) && policy !== "Retain";
  refuse("persistentVolumeReclaimPolicy", isOtherPolicy, "may only be Retain");
  refuse("nodeAffinity", spec.nodeAffinity !== undefined);
  checkSource(spec, "", path, errors);
  refuse("storageClassName", !isEmpty(spec.storageClassName));
  const isOtherMode = spec.volumeMode !== undefined && spec.volumeMode !== "Filesystem";
  refuse("volumeMode", isOtherMode, "may not specify volumeMode other than Filesystem");
  const attributes = spec.volumeAttributesClassName;
  if (attributes === undefined || spec.csi !== undefined) return;
  errors.push(required(`${path}.csi`, "has to be specified when using volumeAttributesClassName"));
}

const notInline = "may not be specified";
