import {
  type GroupVersionKind,
  type GroupVersionResource,
  parseApiVersion,
} from "../../../apimachinery/gvk.ts";
import { isObject } from "../../../apimachinery/json.ts";
import type { Status } from "../../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import type { AdmissionAttributes } from "../admission.ts";

/** A request in the version that a webhook asked for: its rules may name another than the client used. */
export interface VersionedRequest {
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  readonly object: UnstructuredObject | undefined;
  readonly oldObject: UnstructuredObject | undefined;
}

/** What a webhook answered, in the form of version v1. */
export interface ReviewAnswer {
  readonly allowed: boolean;
  readonly status: Partial<Status> | undefined;
  /** A JSON patch as JSON text. */
  readonly patch: string;
  readonly patchType: string;
  readonly auditAnnotations: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** The AdmissionReview that is sent, in the first version of the webhook's list that is known; undefined without one. */
export function newReview(
  versions: readonly string[],
  uid: string,
  attributes: AdmissionAttributes,
  versioned: VersionedRequest,
): UnstructuredObject | undefined {
  const version = versions.find((each) => each === "v1" || each === "v1beta1");
  if (version === undefined) return undefined;
  const request = {
    uid,
    ...requestOf(attributes, versioned),
    object: versioned.object ?? null,
    oldObject: versioned.oldObject ?? null,
  };
  return { kind: "AdmissionReview", apiVersion: `admission.k8s.io/${version}`, request } as never;
}

/** What is asked, without the objects: for webhooks, and for expressions as `request`. */
export function requestOf(attributes: AdmissionAttributes, { kind, resource }: VersionedRequest): object {
  const { subresource, name, namespace, operation, user, dryRun, options } = attributes;
  return {
    kind: pick(kind, "group", "version", "kind"),
    resource: pick(resource, "group", "version", "resource"),
    ...(subresource === "" ? {} : { subResource: subresource }),
    requestKind: pick(attributes.kind, "group", "version", "kind"),
    requestResource: pick(attributes.resource, "group", "version", "resource"),
    ...(subresource === "" ? {} : { requestSubResource: subresource }),
    ...(name === "" ? {} : { name }),
    ...(namespace === "" ? {} : { namespace }),
    operation,
    userInfo: {
      username: user.name,
      ...(user.uid === "" ? {} : { uid: user.uid }),
      ...(user.groups.length === 0 ? {} : { groups: user.groups }),
      ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
    },
    dryRun,
    options: options ?? null,
  };
}

function pick<T extends object, K extends keyof T>(from: T, ...fields: K[]): Pick<T, K> {
  return Object.fromEntries(fields.map((field) => [field, from[field]])) as Pick<T, K>;
}

/** Reads the answer to a review. Throws with what is wrong about it; the wordings follow webhook/request.VerifyAdmissionResponse. */
export function readAnswer(
  answer: unknown,
  asked: UnstructuredObject,
  uid: string,
  isMutating: boolean,
): ReviewAnswer {
  const response = isObject(answer) ? answer["response"] : undefined;
  if (!isObject(answer) || !isObject(response)) throw new Error("webhook response was absent");
  const patch = Buffer.from(textOf(response["patch"]), "base64").toString("utf8");
  const patchType = response["patchType"];
  if (asked.apiVersion === "admission.k8s.io/v1") {
    checkIdentity(answer, response, uid);
    checkPatch(patch, patchType, isMutating);
  }
  return {
    allowed: response["allowed"] === true,
    status: isObject(response["status"]) ? response["status"] : undefined,
    patch: isMutating ? patch : "",
    // The older version did not say, and knew one type only.
    patchType: asked.apiVersion === "admission.k8s.io/v1" ? textOf(patchType) : "JSONPatch",
    auditAnnotations: textMap(response["auditAnnotations"]),
    warnings: Array.isArray(response["warnings"])
      ? response["warnings"].filter((each) => typeof each === "string")
      : [],
  };
}

function checkIdentity(
  answer: Record<string, unknown>,
  response: Record<string, unknown>,
  uid: string,
): void {
  const given = textOf(response["uid"]);
  if (given !== uid)
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(given)}`);
  const { apiVersion, kind } = answer;
  if (apiVersion === "admission.k8s.io/v1" && kind === "AdmissionReview") return;
  const { group, version } = parseApiVersion(textOf(apiVersion));
  throw new Error(
    `expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${group}/${version}, Kind=${textOf(kind)}`,
  );
}

function checkPatch(patch: string, patchType: unknown, isMutating: boolean): void {
  if (!isMutating) {
    if (patch !== "") throw new Error("validating webhook may not return response.patch");
    if (isGiven(patchType)) throw new Error("validating webhook may not return response.patchType");
    return;
  }
  if (patch !== "" && !isGiven(patchType))
    throw new Error("webhook returned response.patch but not response.patchType");
  if (patch === "" && isGiven(patchType))
    throw new Error("webhook returned response.patchType but not response.patch");
  if (patchType === "") throw new Error('webhook returned invalid response.patchType of ""');
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

function textMap(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
