import { type FieldError, formatFieldError } from "./field-error.ts";
import { formatGroupKind, formatGroupResource, type GroupKind, type GroupResource } from "./gvk.ts";
import type { Status, StatusCause, StatusDetails } from "./meta-v1.ts";

/**
 * The errors of the API. Reasons, codes and messages mirror
 * k8s.io/apimachinery/pkg/api/errors; clients act on reason and code, people read the message.
 */
export class StatusError extends Error {
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? "unknown", options);
    this.name = "StatusError";
    this.status = status;
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): string {
    return this.status.reason ?? "";
  }
}

interface FailureOptions {
  readonly details?: StatusDetails;
  readonly cause?: unknown;
}

/** A StatusError with the given code, reason and message. */
export function newStatusError(
  code: number,
  reason: string,
  message: string,
  { details, cause }: FailureOptions = {},
): StatusError {
  const status: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message };
  if (reason !== "") status.reason = reason;
  if (details !== undefined) status.details = details;
  status.code = code;
  return new StatusError(status, cause === undefined ? undefined : { cause });
}

/** In details, `kind` holds the resource name: Kubernetes does so for all but Invalid. */
function detailsOf(resource: GroupResource, name: string): StatusDetails {
  const details: StatusDetails = {};
  if (name !== "") details.name = name;
  if (resource.group !== "") details.group = resource.group;
  if (resource.resource !== "") details.kind = resource.resource;
  return details;
}

export function newNotFound(resource: GroupResource, name: string): StatusError {
  const message = `${formatGroupResource(resource)} "${name}" not found`;
  return newStatusError(404, "NotFound", message, { details: detailsOf(resource, name) });
}

/** The path names no resource at all. */
export function newGenericNotFound(): StatusError {
  return newStatusError(404, "NotFound", "the server could not find the requested resource", { details: {} });
}

export function newAlreadyExists(resource: GroupResource, name: string): StatusError {
  const message = `${formatGroupResource(resource)} "${name}" already exists`;
  return newStatusError(409, "AlreadyExists", message, { details: detailsOf(resource, name) });
}

export function newConflict(resource: GroupResource, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${formatGroupResource(resource)} "${name}": ${why}`;
  return newStatusError(409, "Conflict", message, { details: detailsOf(resource, name) });
}

/** The wording of an optimistic lock that failed. */
export const staleObject =
  "the object has been modified; please apply your changes to the latest version and try again";

export function newApplyConflict(causes: StatusCause[], message: string): StatusError {
  return newStatusError(409, "Conflict", message, { details: { causes } });
}

export function newForbidden(resource: GroupResource, name: string, why: string): StatusError {
  const named = name === "" ? formatGroupResource(resource) : `${formatGroupResource(resource)} "${name}"`;
  const subject = resource.resource === "" ? "" : `${named} is `;
  return newStatusError(403, "Forbidden", `${subject}forbidden: ${why}`, {
    details: detailsOf(resource, name),
  });
}

export function newUnauthorized(why = "Unauthorized"): StatusError {
  return newStatusError(401, "Unauthorized", why);
}

export function newBadRequest(why: string, cause?: unknown): StatusError {
  return newStatusError(400, "BadRequest", why, { cause });
}

export function newMethodNotAllowed(): StatusError {
  return newStatusError(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {
      details: {},
    },
  );
}

export function newNotAcceptable(accepted: readonly string[]): StatusError {
  return newStatusError(
    406,
    "NotAcceptable",
    `only the following media types are accepted: ${accepted.join(", ")}`,
  );
}

export function newUnsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`;
  return newStatusError(415, "UnsupportedMediaType", message);
}

export function newRequestEntityTooLarge(limitBytes: number): StatusError {
  return newStatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${limitBytes}`);
}

/** The revision asked for has been compacted away: list again. */
export function newResourceExpired(why: string): StatusError {
  return newStatusError(410, "Expired", why);
}

export function newTooManyRequests(why: string, retryAfterSeconds: number): StatusError {
  return newStatusError(429, "TooManyRequests", why, { details: { retryAfterSeconds } });
}

export function newTimeout(why: string, retryAfterSeconds = 0): StatusError {
  const details: StatusDetails = retryAfterSeconds > 0 ? { retryAfterSeconds } : {};
  return newStatusError(504, "Timeout", `Timeout: ${why}`, { details });
}

export function newServiceUnavailable(why: string): StatusError {
  return newStatusError(503, "ServiceUnavailable", why);
}

export function newInternalError(cause: unknown): StatusError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return newStatusError(500, "InternalError", `Internal error occurred: ${why}`, {
    details: { causes: [{ message: why }] },
    cause,
  });
}

/** 422 Invalid: the one place where a list of field errors becomes a Status. */
export function newInvalid(kind: GroupKind, name: string, errors: readonly FieldError[]): StatusError {
  const causes: StatusCause[] = errors.map((error) => ({
    reason: error.type,
    message: formatFieldError(error, { withPath: false }),
    field: error.path,
  }));
  const texts = [...new Set(errors.map((error) => formatFieldError(error)))];
  const why = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const details: StatusDetails = {};
  if (name !== "") details.name = name;
  if (kind.group !== "") details.group = kind.group;
  if (kind.kind !== "") details.kind = kind.kind;
  if (causes.length > 0) details.causes = causes;
  return newStatusError(
    422,
    "Invalid",
    `${formatGroupKind(kind)} "${name}" is invalid${why === undefined || why === "[]" ? "" : `: ${why}`}`,
    {
      details,
    },
  );
}

/** The Status that a successful delete answers with. */
export function successStatus(resource: GroupResource, name: string, uid: string): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { ...detailsOf(resource, name), uid },
  };
}

function hasReason(error: unknown, reason: string): boolean {
  return error instanceof StatusError && error.reason === reason;
}

export const isNotFound = (error: unknown): boolean => hasReason(error, "NotFound");
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, "AlreadyExists");
export const isConflict = (error: unknown): boolean => hasReason(error, "Conflict");
export const isForbidden = (error: unknown): boolean => hasReason(error, "Forbidden");
export const isInvalid = (error: unknown): boolean => hasReason(error, "Invalid");
export const isTooManyRequests = (error: unknown): boolean => hasReason(error, "TooManyRequests");
/** The watch or list cannot go on from its revision: start again. */
export const isResourceExpired = (error: unknown): boolean =>
  hasReason(error, "Expired") || hasReason(error, "Gone");
