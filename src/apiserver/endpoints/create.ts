import type { ResourceInfo } from "../../api/scheme.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import {
  newBadRequest,
  newForbidden,
  newGenericNotFound,
  newMethodNotAllowed,
} from "../../apimachinery/status.ts";
import type { AdmissionAttributes } from "../admission/admission.ts";
import { createObject } from "../registry/create.ts";
import { askedFields, recordUpdate } from "../registry/managed-fields.ts";
import { bringsStatus, hasStatus } from "../registry/resource-facts.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { RequestContext, RequestInfo } from "../request-context.ts";
import { admissionAttributes, optionsObject } from "./admit.ts";
import type { ApiResponse, RequestState, ShownValue } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
import { decodeBody } from "./decode-body.ts";
import { emptyStatus } from "./empty-status.ts";
import { dedupeOwners } from "./owner-references.ts";
import type { ServerCore } from "./server-core.ts";

/** POST to a collection. */
export async function create(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { info, store } = served;
  // Custom resources have one handler for all their paths, which does not look at the name.
  if (state.info.name !== "" && info.custom === undefined) throw newMethodNotAllowed();
  const context = newRequestContext(state, "CreateOptions");
  const decoded = decodeBody(state.request, context, core.scheme, info, info.schemaName);
  const object = decoded instanceof Promise ? await decoded : decoded;
  fitNamespace(object, state.info, info.namespaced);
  resetStatus(core, info, object);
  core.scheme.applyDefaults(info, object);
  state.audit?.requestObject(object);
  const options = optionsObject(context, "CreateOptions");
  const attributes = (created: UnstructuredObject) =>
    admissionAttributes(context, info, {
      operation: "CREATE",
      object: created,
      oldObject: undefined,
      options,
      name: created.metadata.name ?? "",
    });
  if (store === undefined) {
    await core.admission.mutate(attributes(object));
    await core.admission.validate(attributes(object));
    return review(core, served, context, object);
  }
  dedupeOwners(context, object, false);
  recordUpdate(store, context, info, undefined, object, "");
  const mutating = core.admission.mutate(attributes(object));
  if (mutating !== undefined) await mutating;
  dedupeOwners(context, object, true);
  refuseTerminating(info, object.metadata.name ?? "");
  const created = await createObject(store, context, info, object, {
    validate: (final) => core.admission.validate(attributes(final)),
    confirm: (final) => confirmCreate(core, info, attributes(final)),
  });
  return { type: "object", status: 201, object: created, served: info };
}

/** What the client says of the status is not wanted. Custom objects have none until somebody gives them one. */
export function resetStatus(core: ServerCore, info: ResourceInfo, object: UnstructuredObject): void {
  if (!hasStatus(info) || bringsStatus(info)) return;
  if (info.custom === undefined) object["status"] = emptyStatus(core.scheme, info);
  else delete object["status"];
}

/** Nothing is created any more of what is being taken away. */
export function refuseTerminating(info: ResourceInfo, name: string): void {
  if (info.custom?.isTerminating !== true) return;
  throw newForbidden(info, name, "create not allowed while custom resource definition is terminating");
}

/** The last look before an object is created, as webhooks may have taken their time: its namespace and its definition. */
export function confirmCreate(
  core: ServerCore,
  { group, version, resource, custom }: ResourceInfo,
  attributes: AdmissionAttributes,
): void {
  core.admission.confirm(attributes);
  if (custom === undefined) return;
  const served = core.resources.find(group, version, resource);
  if (served === undefined) throw newGenericNotFound();
  refuseTerminating(served.info, attributes.name);
}

/** Resources that are questions: the answer is made, nothing is stored. */
async function review(
  core: ServerCore,
  served: ServedResource,
  context: RequestContext,
  object: UnstructuredObject,
): Promise<ApiResponse> {
  if (served.create === undefined) throw newMethodNotAllowed();
  // What is asked comes back with its answer, and says who asked it.
  if (echoed.has(served.info.kind)) {
    const managedFields = askedFields(
      core.scheme,
      served.info,
      context.fieldManager,
      object,
      "",
      core.clock.now(),
    );
    object.metadata = { ...object.metadata, managedFields };
  }
  const { group, kind } = served.info;
  const value = await served.create(context, object);
  return { type: "value", status: 201, value, ...shownAs(value, { group, kind, hasTable: false }) };
}

/** In which forms an answer can be given; a Status has no metadata to be shown. */
export const shownAs = (value: object, shown: ShownValue): { shown?: ShownValue } =>
  "kind" in value && value.kind === "Status" ? {} : { shown };

const echoed = new Set([
  "LocalSubjectAccessReview",
  "SelfSubjectAccessReview",
  "SubjectAccessReview",
  "TokenReview",
]);

/** The namespace of the URL is the object's; 400 when the body names another one. */
export function fitNamespace(object: UnstructuredObject, info: RequestInfo, namespaced: boolean): void {
  const { metadata } = object;
  if (!namespaced) {
    delete metadata.namespace;
    return;
  }
  if (info.namespace === "") {
    throw newBadRequest("an empty namespace may not be set during creation");
  }
  if ((metadata.namespace ?? "") !== "" && metadata.namespace !== info.namespace) throw namespaceMismatch();
  metadata.namespace = info.namespace;
}

export const namespaceMismatch = (): Error =>
  newBadRequest("the namespace of the provided object does not match the namespace sent on the request");
