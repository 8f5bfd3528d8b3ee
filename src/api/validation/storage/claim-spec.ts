import { forbidden, invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import { dns1123LabelErrors, dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type { PersistentVolumeClaimSpec, TypedObjectReference } from "../../types/core-v1.ts";
import {
  checkName,
  checkOptionalName,
  type Errors,
  isEmpty,
  list,
  optionalOneOf,
  positiveQuantity,
  quantity,
  text,
} from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";

/** Specs of claims, in claims of their own and in templates. */
const accessModes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

export const volumeModes: readonly string[] = ["Block", "Filesystem"];

export function checkAccessModes(
  modes: readonly string[] | undefined,
  detail: string,
  path: string,
  errors: Errors,
): void {
  const found = list(modes);
  if (found.length === 0) errors.push(required(path, detail));
}

export function checkAccessModeValues(
  modes: readonly string[] | undefined,
  path: string,
  errors: Errors,
): void {
  const found = list(modes);
  for (const mode of found) {
    if (!accessModes.includes(mode)) errors.push(notSupported(path, mode, accessModes));
  }
  const isAlone = found.every((mode) => mode === "ReadWriteOncePod" || !accessModes.includes(mode));
  if (found.includes("ReadWriteOncePod") && !isAlone) {
    errors.push(forbidden(path, "may not use ReadWriteOncePod with other access modes"));
  }
}

/** `lenient`: what the stored claim has already, the new one may keep. */
export function checkClaimSpec(
  spec: PersistentVolumeClaimSpec,
  path: string,
  errors: Errors,
  lenient: { readonly anySelectorValue: boolean; readonly anyApiGroup: boolean } = {
    anySelectorValue: false,
    anyApiGroup: false,
  },
): void {
  checkAccessModes(spec.accessModes, "at least 1 access mode is required", `${path}.accessModes`, errors);
  checkLabelSelector(spec.selector, `${path}.selector`, errors, lenient.anySelectorValue);
  checkAccessModeValues(spec.accessModes, `${path}.accessModes`, errors);
  const storage = spec.resources?.requests?.["storage"];
  if (storage === undefined) errors.push(required(`${path}.resources[storage]`));
  else positiveQuantity(quantity(storage), `${path}.resources[storage]`, errors);
  checkOptionalName(spec.storageClassName, dns1123SubdomainErrors, `${path}.storageClassName`, errors);
  optionalOneOf(spec.volumeMode, volumeModes, `${path}.volumeMode`, errors);
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined) {
    checkDataSource(dataSource, lenient.anyApiGroup, `${path}.dataSource`, errors);
  }
  if (dataSourceRef !== undefined) {
    checkDataSource(dataSourceRef, lenient.anyApiGroup, `${path}.dataSourceRef`, errors);
    checkOptionalName(dataSourceRef.namespace, dns1123LabelErrors, `${path}.dataSourceRef.namespace`, errors);
  }
  checkBothSources(spec, path, errors);
  const className = spec.volumeAttributesClassName;
  checkOptionalName(className, dns1123SubdomainErrors, `${path}.volumeAttributesClassName`, errors);
}

function checkDataSource(
  { name, kind, apiGroup }: TypedObjectReference,
  anyApiGroup: boolean,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  if (isEmpty(kind)) errors.push(required(`${path}.kind`));
  if (isEmpty(apiGroup)) {
    if (kind === "PersistentVolumeClaim") return;
    const detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(invalid(path, text(kind), detail));
  } else if (!anyApiGroup) checkName(text(apiGroup), dns1123SubdomainErrors, `${path}.apiGroup`, errors);
}

function checkBothSources(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  path: string,
  errors: Errors,
): void {
  if (dataSource === undefined || dataSourceRef === undefined) return;
  // Kubernetes shows the path in place of the value, and a path shows nothing of itself.
  const shown = {};
  if (!isEmpty(dataSourceRef.namespace)) {
    errors.push(invalid(path, shown, "may not be specified when dataSourceRef.namespace is specified"));
  } else if (
    dataSource.apiGroup !== dataSourceRef.apiGroup ||
    dataSource.kind !== dataSourceRef.kind ||
    dataSource.name !== dataSourceRef.name
  ) {
    errors.push(invalid(path, shown, "must match dataSourceRef"));
  }
}
