import type { SubresourceInfo } from "../../api/scheme.ts";
import { newMethodNotAllowed } from "../../apimachinery/status.ts";
import { schemaNameOf } from "../registry/kind-schema.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { SubresourceHandler } from "../registry/strategy.ts";
import { admissionAttributes, optionsObject } from "./admit.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
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
  const body = await decodeBody(
    state.request,
    context,
    core.scheme,
    kind,
    schemaNameOf(core.scheme, kind, served.info),
  );
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
  return { type: "value", status: 201, value: await handler.create(context, body) };
}
