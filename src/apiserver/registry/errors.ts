import type { ResourceInfo } from "../../api/scheme.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import type { GroupResource } from "../../apimachinery/gvk.ts";
import {
  newAlreadyExists,
  newConflict,
  newInvalid,
  newStatusError,
  StatusError,
} from "../../apimachinery/status.ts";
import type { CachedObject } from "../cache/cached-object.ts";

/** Errors of the options of a request: `ListOptions.meta.k8s.io "" is invalid: …`. */
export function newInvalidOptions(kind: string, errors: readonly FieldError[]): StatusError {
  return newInvalid({ group: "meta.k8s.io", kind }, "", errors);
}

/** The 422 of an object. A kind of two groups is named after the one that it is kept in, whichever was asked. */
export function newInvalidObject(
  { kind, storage }: ResourceInfo,
  name: string,
  errors: readonly FieldError[],
): StatusError {
  return newInvalid({ group: storage.group, kind }, name, errors);
}

/** The 409 of a name that is taken; who holds it may be about to go. */
export function newNameTaken(
  resource: GroupResource,
  name: string,
  holder: CachedObject | undefined,
): StatusError {
  const error = newAlreadyExists(resource, name);
  if (holder?.object.metadata.deletionTimestamp === undefined) return error;
  return new StatusError({ ...error.status, message: `object is being deleted: ${error.message}` });
}

/** The 409 of a generated name that stayed taken after all attempts. */
export function newGenerateNameConflict(resource: GroupResource, name: string): StatusError {
  const qualified = resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
  const details = { name, kind: resource.resource, retryAfterSeconds: 1 };
  return newStatusError(
    409,
    "AlreadyExists",
    `${qualified} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { details: resource.group === "" ? details : { ...details, group: resource.group } },
  );
}

/** The wording of a failed precondition inside the store (k8s.io/apiserver/pkg/storage.Preconditions.Check). */
export function newPreconditionFailed(
  resource: GroupResource,
  key: string,
  name: string,
  why: string,
): StatusError {
  // The keys of Kubernetes do without the group.
  const shown = key.replace(/^\/registry\/[^/]+\//, "/registry/");
  const text = `StorageError: invalid object, Code: 4, Key: ${shown}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`;
  return newConflict(resource, name, text);
}
