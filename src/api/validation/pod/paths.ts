import { invalid } from "../../../apimachinery/field-error.ts";
import type { Errors } from "../basics.ts";

/** Paths of files within volumes: relative, and never out of them. */
export const hasBacksteps = (path: string): boolean => path.includes("..") && path.split("/").includes("..");

export function checkNoBacksteps(target: string, path: string, errors: Errors): void {
  if (hasBacksteps(target)) errors.push(invalid(path, target, "must not contain '..'"));
}

export function checkLocalDescendingPath(target: string, path: string, errors: Errors): void {
  if (target.startsWith("/")) errors.push(invalid(path, target, "must be a relative path"));
  checkNoBacksteps(target, path, errors);
}

/** Names that begin with two dots are those that the kubelet makes for itself. */
export function checkLocalNonReservedPath(target: string, path: string, errors: Errors): void {
  checkLocalDescendingPath(target, path, errors);
  if (target.startsWith("..") && !target.startsWith("../")) {
    errors.push(invalid(path, target, "must not start with '..'"));
  }
}
