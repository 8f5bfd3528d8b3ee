import { newBadRequest, newNotFound } from "../../apimachinery/status.ts";
import { isTrue } from "../filters/request-info.ts";
import { objectAt, parseResourceVersion } from "../registry/list.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import { translate } from "../registry/store.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { isOfMetadata } from "./asked-form.ts";
import type { ServerCore } from "./server-core.ts";
import { checkNameInPath, targetOf } from "./target.ts";

/** GET of one object: from the cache, as new as `resourceVersion` asks ("": the newest there is). */
export async function get(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { info, store } = served;
  const { namespace, name } = targetOf(state.info, info);
  if (store === undefined) throw newNotFound(info, name);
  checkNameInPath(name);
  const { query } = state.request;
  if (query.has("export") && isTrue(query.get("export"))) {
    throw newBadRequest("the export parameter, deprecated since v1.14, is no longer supported");
  }
  const resourceVersion = query.get("resourceVersion") ?? "";
  if (resourceVersion === "") await core.watchCache.current();
  else await core.watchCache.waitFor(parseResourceVersion(resourceVersion));
  const cached =
    state.asOf === undefined || resourceVersion === ""
      ? store.cache.get(namespace, name)
      : await objectAt(store, namespace, name, Math.max(state.asOf, Number(resourceVersion)));
  if (cached === undefined) {
    core.watchCache.unreadable.checkObject(store.key(namespace, name));
    throw newNotFound(info, name);
  }
  if (cached.deferred !== undefined && !isOfMetadata(state)) await translate(cached.deferred.load());
  const pending = store.ready(info, [cached]);
  if (pending !== undefined) await pending;
  return { type: "object", status: 200, object: cached.inVersion(info, core.scheme), served: info };
}
