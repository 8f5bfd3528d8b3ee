import type { ResourceInfo } from "../../api/scheme.ts";
import { deepCopy } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newNotFound } from "../../apimachinery/status.ts";
import { recordUpdate } from "../registry/managed-fields.ts";
import { hasStatus, metadataKeptByStatus } from "../registry/resource-facts.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { GenericStore } from "../registry/store.ts";
import { updateObject } from "../registry/update.ts";
import type { RequestContext, RequestInfo } from "../request-context.ts";
import { admissionAttributes, optionsObject } from "./admit.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
import { confirmCreate, namespaceMismatch } from "./create.ts";
import { decodeBody } from "./decode-body.ts";
import { dedupeOwners } from "./owner-references.ts";
import type { ServerCore } from "./server-core.ts";
import { targetOf } from "./target.ts";

/** PUT of an object, or of a subresource that is the object itself (status, ephemeralcontainers, resize, approval). */
export async function update(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { info, store } = served;
  const { namespace, name } = targetOf(state.info, info);
  const { subresource } = state.info;
  if (store === undefined) throw newNotFound(info, name);
  const context = newRequestContext(state, "UpdateOptions");
  const decoded = await decodeBody(state.request, context, core.scheme, info, info.schemaName);
  fitName(decoded, state.info, info.namespaced);
  core.scheme.applyDefaults(info, decoded);
  state.audit?.requestObject(decoded);
  const options = optionsObject(context, "UpdateOptions");
  const attributes = (object: UnstructuredObject, old: UnstructuredObject | undefined) =>
    admissionAttributes(context, info, {
      operation: old === undefined ? "CREATE" : "UPDATE",
      object,
      oldObject: old,
      options,
    });
  const { object, created } = await updateObject(store, context, info, {
    namespace,
    name,
    subresource,
    async change(current) {
      const object = deepCopy(decoded);
      putBack(store, context, info, object, current);
      dedupeOwners(context, object, false);
      recordUpdate(store, context, info, current, object, subresource);
      await core.admission.mutate(attributes(object, current));
      dedupeOwners(context, object, true);
      return object;
    },
    validate: (object, old) => core.admission.validate(attributes(object, old)),
    confirm: (object) => confirmCreate(core, info, attributes(object, undefined)),
  });
  return { type: "object", status: created ? 201 : 200, object, served: info };
}

/** What the request may not change is put back before anyone looks, so that nobody owns it and nobody objects to it. */
export function putBack(
  store: GenericStore,
  context: RequestContext,
  info: ResourceInfo,
  object: UnstructuredObject,
  current: UnstructuredObject | undefined,
): void {
  if (current === undefined) return;
  const { subresource } = context.info;
  if (subresource === "" && hasStatus(info)) object["status"] = current["status"];
  if (subresource === "status") {
    for (const field of metadataKeptByStatus(info)) keep(object.metadata, current.metadata, field);
  }
  // Status writes are known to leave the spec alone; of the others their strategy knows what they may change.
  if (subresource !== "" && subresource !== "status")
    store.strategy.prepareForUpdate?.(context, object, current, subresource);
}

function keep<T extends object>(now: T, old: T, field: keyof T): void {
  if (old[field] === undefined) delete now[field];
  else now[field] = old[field];
}

/** Name and namespace of the body are those of the URL, or absent. */
export function fitName(object: UnstructuredObject, info: RequestInfo, namespaced: boolean): void {
  const { metadata } = object;
  if (info.name === "") throw newBadRequest("name must be provided");
  if ((metadata.name ?? "") === "") {
    throw newBadRequest(
      `the name of the object (${info.name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (metadata.name !== info.name) {
    throw newBadRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${info.name})`,
    );
  }
  if (!namespaced) {
    delete metadata.namespace;
    return;
  }
  metadata.namespace = metadata.namespace === "" ? info.namespace : (metadata.namespace ?? info.namespace);
  if (metadata.namespace !== info.namespace) throw namespaceMismatch();
}
