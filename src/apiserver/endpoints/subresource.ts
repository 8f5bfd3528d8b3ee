import type { SubresourceInfo } from "../../api/scheme.ts";
import { decodeObject } from "../../apimachinery/decode.ts";
import type { GroupVersionKind } from "../../apimachinery/gvk.ts";
import { deepCopy } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { retryOnConflict } from "../../apimachinery/retry.ts";
import { newMethodNotAllowed } from "../../apimachinery/status.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { SubresourceHandler } from "../registry/strategy.ts";
import type { RequestContext } from "../request-context.ts";
import { admissionAttributes, optionsObject } from "./admit.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
import { decodeBody } from "./decode-body.ts";
import { applyPatchType, readPatch } from "./patch-body.ts";
import type { ServerCore } from "./server-core.ts";
import { targetOf } from "./target.ts";

/** A subresource with a handler of its own: binding, eviction, token, finalize. */
export async function subresource(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
  known: SubresourceInfo,
  handler: SubresourceHandler,
): Promise<ApiResponse> {
  const kind = known.kind ?? served.info;
  switch (state.info.verb) {
    case "get": {
      if (handler.get === undefined) throw newMethodNotAllowed();
      return value(200, await handler.get(newRequestContext(state)));
    }
    case "create": {
      if (handler.create === undefined) throw newMethodNotAllowed();
      const context = newRequestContext(state, "CreateOptions");
      const body = await decodeBody(
        state.request,
        context,
        core.scheme,
        kind,
        schemaNameOf(core, served, kind),
      );
      core.scheme.applyDefaults(kind, body);
      state.audit?.requestObject(body);
      await admit(core, context, served, kind, "CREATE", body);
      return value(201, await handler.create(context, body));
    }
    case "update": {
      if (handler.update === undefined) throw newMethodNotAllowed();
      const context = newRequestContext(state, "UpdateOptions");
      const body = await decodeBody(
        state.request,
        context,
        core.scheme,
        kind,
        schemaNameOf(core, served, kind),
      );
      core.scheme.applyDefaults(kind, body);
      state.audit?.requestObject(body);
      await admit(core, context, served, kind, "UPDATE", body);
      return value(200, await handler.update(context, body));
    }
    case "patch":
      return patched(core, state, served, kind, handler);
    default:
      throw newMethodNotAllowed();
  }
}

async function patched(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
  kind: GroupVersionKind,
  handler: SubresourceHandler,
): Promise<ApiResponse> {
  const read = handler.get?.bind(handler);
  const update = handler.update?.bind(handler);
  if (read === undefined || update === undefined) throw newMethodNotAllowed();
  const context = newRequestContext(state, "PatchOptions");
  const patch = await readPatch(state.request);
  state.audit?.requestPatch(patch.value);
  if (patch.type === applyPatchType) throw newMethodNotAllowed();
  const schemaName = schemaNameOf(core, served, kind);
  const { schemas } = core.scheme;
  // The patch is made anew on what another writer left, unless it names the version that it is meant for.
  return retryOnConflict(async () => {
    const changed = patch.apply(deepCopy(await read(context)), schemas.get(schemaName), schemas);
    const { object } = decodeObject(schemas, schemaName, changed);
    core.scheme.applyDefaults(kind, object);
    await admit(core, context, served, kind, "UPDATE", object);
    return value(200, await update(context, object));
  });
}

async function admit(
  core: ServerCore,
  context: RequestContext,
  served: ServedResource,
  kind: GroupVersionKind,
  operation: "CREATE" | "UPDATE",
  object: UnstructuredObject,
): Promise<void> {
  const options = optionsObject(context, operation === "CREATE" ? "CreateOptions" : "UpdateOptions");
  const isObject = kind.kind === served.info.kind && kind.group === served.info.group;
  const oldObject = isObject && operation === "UPDATE" ? currentObject(context, served) : undefined;
  const attributes = admissionAttributes(context, kind, { operation, object, oldObject, options });
  await core.admission.mutate(attributes);
  await core.admission.validate(attributes);
}

function currentObject(
  context: RequestContext,
  { info, store }: ServedResource,
): UnstructuredObject | undefined {
  const { namespace, name } = targetOf(context.info, info);
  return store?.cache.get(namespace, name)?.inVersion(info, store.scheme).object;
}

const value = (status: number, object: UnstructuredObject): ApiResponse => ({
  type: "value",
  status,
  value: object,
});

/** The schema of a subresource's body: the resource's own, or that of its kind. */
export function schemaNameOf(core: ServerCore, served: ServedResource, kind: GroupVersionKind): string {
  if (kind.kind === served.info.kind && kind.group === served.info.group) return served.info.schemaName;
  const known = core.scheme.resourceForKind(kind);
  if (known !== undefined) return known.schemaName;
  const group = kind.group === "" ? "core" : (kind.group.split(".")[0] ?? "");
  return `io.k8s.api.${group}.${kind.version}.${kind.kind}`;
}
