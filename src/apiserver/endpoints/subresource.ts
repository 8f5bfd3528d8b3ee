import type { SubresourceInfo } from "../../api/scheme.ts";
import { newMethodNotAllowed } from "../../apimachinery/status.ts";
import { schemaNameOf } from "../registry/kind-schema.ts";
import { askedFields } from "../registry/managed-fields.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { SubresourceHandler } from "../registry/strategy.ts";
import { admissionAttributes, optionsObject } from "./admit.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
import { shownAs } from "./create.ts";
import { decodeBody } from "./decode-body.ts";
import type { ServerCore } from "./server-core.ts";

/** POST to a subresource that does something with a body of its own kind: binding, eviction, token. */
export async function subresource(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
  known: SubresourceInfo,
  handler: SubresourceHandler,
): Promise<ApiResponse> {
  if (state.info.verb !== "create") throw newMethodNotAllowed();
  const kind = known.kind ?? served.info;
  const context = newRequestContext(state, "CreateOptions");
  const schemaName = schemaNameOf(core.scheme, kind, served.info);
  const body = await decodeBody(state.request, context, core.scheme, kind, schemaName);
  core.scheme.applyDefaults(kind, body);
  state.audit?.requestObject(body);
  const attributes = admissionAttributes(context, kind, {
    operation: "CREATE",
    object: body,
    oldObject: undefined,
    options: optionsObject(context, "CreateOptions"),
  });
  await core.admission.mutate(attributes);
  await core.admission.validate(attributes);
  // A token comes back with what was asked for, and says who asked.
  if (kind.kind === "TokenRequest") {
    const { fieldManager } = context;
    const managedFields = askedFields(
      core.scheme,
      { schemaName },
      fieldManager,
      body,
      known.name,
      core.clock.now(),
    );
    body.metadata = { ...body.metadata, managedFields };
  }
  const value = await handler.create(context, body);
  return { type: "value", status: 201, value, ...shownAs(value, { ...kind, hasTable: false }) };
}
