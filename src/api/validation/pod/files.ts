import { invalid, required } from "../../../apimachinery/field-error.ts";
import type { DownwardAPIVolumeFile, KeyToPath } from "../../types/core-v1.ts";
import { type Errors, isEmpty, list, text } from "../basics.ts";
import { checkFieldSelector, checkResourceFieldSelector } from "./env.ts";
import { checkLocalNonReservedPath } from "./paths.ts";

/** Files that volumes make of keys and of fields of the pod. */
const fileModeMax = 0o777;

export function checkFileMode(mode: number | undefined, path: string, errors: Errors): void {
  if (mode === undefined || (mode >= 0 && mode <= fileModeMax)) return;
  errors.push(invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive"));
}

export function checkItems(items: readonly KeyToPath[] | undefined, path: string, errors: Errors): void {
  list(items).forEach((item, index) => {
    checkKeyToPath(item, `${path}[${index}]`, errors);
  });
}

export function checkKeyToPath({ key, path: target, mode }: KeyToPath, path: string, errors: Errors): void {
  if (isEmpty(key)) errors.push(required(`${path}.key`));
  if (isEmpty(target)) errors.push(required(`${path}.path`));
  checkLocalNonReservedPath(text(target), `${path}.path`, errors);
  checkFileMode(mode, `${path}.mode`, errors);
}

const downwardFields = [
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
];

export function checkDownwardFile(file: DownwardAPIVolumeFile, path: string, errors: Errors): void {
  if (isEmpty(file.path)) errors.push(required(`${path}.path`));
  checkLocalNonReservedPath(text(file.path), `${path}.path`, errors);
  if (file.fieldRef !== undefined) {
    checkFieldSelector(file.fieldRef, downwardFields, `${path}.fieldRef`, errors);
    if (file.resourceFieldRef !== undefined) {
      const detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
      errors.push(invalid(path, "resource", detail));
    }
  } else if (file.resourceFieldRef === undefined) {
    errors.push(required(path, "one of fieldRef and resourceFieldRef is required"));
  } else checkResourceFieldSelector(file.resourceFieldRef, true, `${path}.resourceFieldRef`, errors);
  checkFileMode(file.mode, `${path}.mode`, errors);
}
